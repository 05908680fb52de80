"""The whole tiny run: every file that the design names, an empty plan afterwards, snakemake's own commands."""

import json
import random
import re
import shutil
import socket
from datetime import date

import pytest
import yaml
from workflow.project import Project, differences

FILES = """
settings.yaml shards.tsv truth/1.parquet release/index.html
images/augmentation.json images/augmentation.png images/labels.ecsv images/splits.parquet images/leak_audit.json
images/encoders/moco/weights.pt images/encoders/moco/history.csv
images/neighbours/moco/manifest.json
images/round-1/sample.parquet images/round-1/candidates.ecsv images/round-1/grades.ecsv
images/round-1/models/probe/weights.pt images/round-1/models/probe/history.csv
images/round-1/models/shielded/weights.pt images/round-1/models/shielded/history.csv
images/round-1/assessment/probe.json images/round-1/assessment/shielded.json
images/round-1/batch/batch.html images/round-1/batch/batch.csv images/round-1/batch/manifest.json
release/lenses/report.html release/lenses/summary.json
release/lenses/lens_candidates.fits release/lenses/lens_candidates.ecsv
release/lenses/lens_candidates.vot release/lenses/lens_candidates.parquet
truth/spectra-1.parquet survey/tranche-1/spectra/qso_catalogue.fits
spectra/shards.tsv spectra/splits.parquet spectra/sample.parquet spectra/redshift_calibration.json
spectra/models/quasarnet/weights.pt spectra/models/quasarnet/history.csv
spectra/models/fnet/weights.pt spectra/models/fnet/history.csv
spectra/models/rnet/weights.pt spectra/models/rnet/history.csv
spectra/models/pca/weights.pt spectra/models/pca/history.csv
spectra/assessment/redshifts.json spectra/assessment/velocity.ecsv spectra/assessment/masked_lines.json
spectra/assessment/sweeps.json
release/redshifts/report.html release/redshifts/summary.json release/redshifts/counts.json
release/redshifts/figures/redshifts.png release/redshifts/figures/captions.json
release/redshifts/quasar_redshifts.fits release/redshifts/quasar_redshifts.ecsv
release/redshifts/quasar_redshifts.vot release/redshifts/quasar_redshifts.parquet
""".split()


ESTIMATORS = ("quasarnet", "fnet", "rnet", "pca", "combined")


@pytest.mark.parametrize("name", FILES)
def test_every_file_of_the_design_exists(tiny, name):
    assert (tiny.results / name).stat().st_size > 0


@pytest.mark.parametrize(
    ("listed", "half", "datasets"),
    [
        ("shards.tsv", "images", "catalogue shards embeddings/moco round-1/scores/probe round-1/scores/shielded"),
        ("spectra/shards.tsv", "spectra", "catalogue shards " + " ".join(f"redshifts/{name}" for name in ESTIMATORS)),
    ],
)
def test_datasets_hold_a_manifest_for_each_batch(tiny, listed, half, datasets):
    lines = (tiny.results / listed).read_text().splitlines()
    batches = {line.split("\t")[2] for line in lines[1:]}
    shards = {line.split("\t")[0] for line in lines[1:]}
    assert len(shards) > len(batches) >= 1
    for dataset in datasets.split():
        folder = tiny.results / half / dataset
        assert {path.stem for path in folder.glob("*.json")} == batches
        named = {entry["shard"] for path in folder.glob("*.json") for entry in json.loads(path.read_text())["shards"]}
        assert named == shards


def test_a_second_run_does_nothing_and_the_first_had_less_than_sixty_jobs(tiny):
    assert tiny.plan() == {}
    done = int(tiny.output.split(" steps (100%) done")[0].rsplit(" ", 1)[1])
    assert 50 <= done <= 60


def test_the_closing_lines_say_what_was_found_and_where_to_look(tiny):
    closing = tiny.output.rsplit("steps (100%) done", 1)[1]
    assert "SIMULATED" in closing and "candidates" in closing and "spectra" in closing
    for name in ("index.html", "lenses/report.html", "redshifts/report.html"):
        assert f"look at: results/tiny/release/{name}" in closing


def test_the_settings_are_saved_whole(tiny):
    saved = yaml.safe_load((tiny.results / "settings.yaml").read_text())
    given = yaml.safe_load((tiny.folder / "config" / "tiny.yaml").read_text())
    assert saved.keys() == given.keys() and saved["encoders"] == given["encoders"]


def test_nothing_of_machine_or_day_stands_in_the_results(tiny):
    host = socket.gethostname()
    # A short name of a host stands in compressed bytes by chance.
    marks = [str(tiny.folder), date.today().isoformat(), *([host] if len(host) > 6 else [])]
    for path in tiny.results.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert not [mark for mark in marks if mark.encode() in content], path


@pytest.mark.parametrize("option", ["--dag", "--rulegraph", "--summary"])
def test_snakemake_draws_and_lists(tiny, option):
    done = tiny.call(option)
    assert done.returncode == 0 and {"release_lenses", "release_redshifts"} <= set(re.findall(r"\w+", done.stdout))


def test_snakemake_lint_finds_nothing(tiny):
    done = tiny.call("--lint")
    assert done.returncode == 0, done.stdout + done.stderr


def test_snakemake_report(tiny, tmp_path):
    tiny.run("--report", tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text()
    assert "Completeness" in text or "completeness" in text


def test_a_copy_without_its_times_runs_nothing(tiny, tmp_path):
    shutil.copytree(tiny.folder, tmp_path / "copy", copy_function=shutil.copyfile, symlinks=True)
    files = [path for path in (tmp_path / "copy" / "results").rglob("*") if path.is_file()]
    random.Random(1).shuffle(files)
    for path in files:
        path.touch()
    copy = Project.__new__(Project)
    copy.folder = tmp_path / "copy"
    copy.environment = {**tiny.environment, "PYTHONPATH": str(copy.folder / "src")}
    assert copy.plan() == {}
    assert differences(copy.digests(), tiny.digests()) == []


def test_a_misspelt_key_is_named_with_the_nearest(tiny):
    def misspell(content):
        content["similarity"]["neighbors"] = content["similarity"].pop("neighbours")

    with tiny.settings(misspell):
        done = tiny.call("-n")
    assert done.returncode != 0
    text = done.stdout + done.stderr
    assert "similarity.neighbors: unknown key; did you mean `neighbours`?" in text
    assert "Traceback" not in text


def test_a_list_of_shards_that_is_missing_names_the_command(tiny):
    def real(content):
        content["run"] = "mine"
        content["survey"] = {
            "kind": "legacy",
            "root": "nowhere",
            "data_release": "dr9",
            "regions": ["south"],
            "bricks_per_shard": 10,
        }

    with tiny.settings(real):
        done = tiny.call("-n")
    assert done.returncode != 0 and "skysieve index config/tiny.yaml" in done.stdout + done.stderr
