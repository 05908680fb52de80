"""The estimate of the tiny run and its standing, beside the finished run itself."""

import re
import subprocess
import sys
from base64 import b64decode
from pathlib import Path

import pytest
import yaml

from pipeline import graph
from pipeline.cluster.measured import of_run
from pipeline.cluster.plan import make
from pipeline.cluster.rates import Rates
from pipeline.cluster.size import size_of
from pipeline.cluster.status import status_text

SKYSIEVE = str(Path(sys.executable).with_name("skysieve"))


@pytest.fixture(scope="module")
def planned(tiny):
    settings = graph.load(yaml.safe_load((tiny.folder / "config" / "tiny.yaml").read_text()))
    rates = Rates([])
    return make(settings, size_of(settings, tiny.results, "config/tiny.yaml", None, rates), rates, gpus=False)


def test_every_job_that_ran_was_planned(tiny, planned):
    ran = {stage: jobs for stage, (jobs, _) in of_run(tiny.folder, "tiny").by_stage.items()}
    assert {row.rule: row.jobs for row in planned.rows} == ran
    assert planned.size.source == "the run's catalogue"


def _of_spectra(path):
    """Whether a file belongs to the spectra half, which the estimate leaves out."""
    name = b64decode(path.name).decode() if path.parent.name == "metadata" else str(path)
    return re.search(r"spectra|redshift|masked_lines|fit_templates|/t\d+-s\d+", name.split("/tiny/", 1)[1])


def test_files_and_bytes_are_those_on_disk(tiny, planned):
    places = [tiny.results, tiny.folder / "work" / "tiny", tiny.folder / ".snakemake" / "metadata"]
    files = sum(path.is_file() and not _of_spectra(path) for place in places for path in place.rglob("*"))
    assert sum(row.files for row in planned.rows) == pytest.approx(files, rel=0.1)
    images = sum(path.stat().st_size for path in (tiny.results / "images" / "shards").glob("*.h5"))
    ingest = next(row for row in planned.rows if row.rule == "ingest")
    assert ingest.written == pytest.approx(images, rel=0.1)


def test_rates_of_the_run_are_taken_where_it_lies(tiny):
    call = [SKYSIEVE, "plan", "config/tiny.yaml", "--cpu", "--measured", "tiny"]
    done = subprocess.run(call, cwd=tiny.folder, env=tiny.environment, capture_output=True, text=True, check=True)
    assert "measured in the run tiny on" in done.stdout and "(the run's catalogue)" in done.stdout


def test_the_run_is_finished(tiny):
    text = status_text(tiny.folder, None)
    assert text.startswith("tiny: ") and "the run is finished" in text
    assert "open results/tiny/release/index.html" in text and "failed" not in text
