"""The README's own commands, typed one after the other in a fresh copy whose default is the tiny run."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from astropy.io import fits

pytestmark = [pytest.mark.graph, pytest.mark.timeout(1200)]
ROOT = Path(__file__).resolve().parents[2]
# Blocks that install or test are for a machine of one's own.
SKIPPED = re.compile(r"^make (setup|demo|test|benchmarks)", re.M)


def blocks(text: str) -> list[str]:
    """Content of the fenced blocks of bash."""
    return re.findall(r"^```bash\n(.*?)^```$", text, re.M | re.S)


def for_tiny(block: str) -> str:
    """The same commands with the name of the run that the copy has."""
    return re.sub(r"\bdemo\b", "tiny", block)


@pytest.fixture(scope="module")
def typed(new_project):
    """Every block, typed in order: (block, what happened)."""
    project = new_project("readme")
    (project.folder / ".venv").symlink_to(sys.prefix)
    done = []
    for block in blocks((ROOT / "README.md").read_text(encoding="utf-8")):
        if SKIPPED.search(block):
            continue
        script = "set -eo pipefail\n" + for_tiny(block)
        place = {"cwd": project.folder, "env": project.environment}
        happened = subprocess.run(["bash", "-c", script], **place, capture_output=True, text=True, check=False)
        done.append((block, happened))
    return project, done


def test_every_block_ends_well(typed):
    _, done = typed
    assert len(done) >= 5
    for block, happened in done:
        assert happened.returncode == 0, f"{block}\n{happened.stdout[-2000:]}\n{happened.stderr[-4000:]}"
        assert "Traceback" not in happened.stderr


def test_a_second_call_has_nothing_to_do_and_the_first_says_what_was_found(typed):
    _, done = typed
    run = next(happened for block, happened in done if "snakemake --cores 2\n" in block)
    assert "Nothing to be done" in run.stdout + run.stderr  # the dry run in the same block
    assert re.search(r"found \(SIMULATED survey and grades\): \d+ candidates", run.stderr)
    again = next(happened for block, happened in done if "--configfile config/tiny.yaml" in block)
    assert "Nothing to be done" in again.stdout + again.stderr


def test_what_the_readme_promises_lies_there(typed):
    project, _ = typed
    text = for_tiny((ROOT / "README.md").read_text(encoding="utf-8"))
    table = re.search(r"^\| in `results/tiny/` .*?\n\n", text, re.M | re.S).group(0)
    named = [name for row in table.strip().splitlines()[2:] for name in re.findall(r"`([^`]+)`", row.split("|")[1])]
    assert len(named) > 10
    for name in named:
        folder = "release/lenses/" if "/" not in name and not name.startswith("settings") else ""
        brace = re.search(r"\{(.*?)\}", name)
        for part in brace.group(1).split(",") if brace else [""]:
            path = project.results / (folder + (name.replace(brace.group(0), part) if brace else name))
            assert path.exists(), path
    written = "similar.png redshifts.png rules.dot summary.tsv snakemake-report.html results.md pictures/graph.png"
    for name in written.split():
        assert (project.folder / name).stat().st_size > 1000, name
    assert "digraph" in (project.folder / "rules.dot").read_text()


def test_the_page_of_results_and_the_pictures_are_those_of_the_run(typed):
    project, _ = typed
    text = (project.folder / "results.md").read_text()
    assert text.startswith("# Results of the run `tiny`") and "SIMULATED" in text
    for title in ("The models", "Is one better than another?", "Completeness", "Training ratios", "The candidates"):
        assert f"### {title}" in text
    assert "Is the simulated survey honest?" in text and "| simulate_survey |" in text
    with fits.open(project.results / "release" / "lenses" / "lens_candidates.fits") as hdus:
        assert hdus[1].header["SETTINGS"] in text
    pictures = [project.folder / "pictures" / f"{name}.png" for name in ("graph", "gallery", "report", "redshifts")]
    assert sum(path.stat().st_size for path in pictures) <= 2_000_000
