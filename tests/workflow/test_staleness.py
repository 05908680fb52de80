"""What makes a stage stale, and what does not, on the real graph."""

import re
import shutil
import subprocess
import time

import pytest
from workflow.project import Project

from pipeline.data.tables import read_parquet

TRAINING = {"pretrain", "train_probe", "train_finder", "fit_augmentation", "labels", "sample", "splits", "calibrate"}


TABLE = "release/redshifts/quasar_redshifts.parquet"


def _statement(text):
    return text + "\n\nA_NEW_STATEMENT = 1\n"


def test_editing_the_search_makes_similarity_and_its_descendants_stale(tiny):
    with tiny.edit("src/pipeline/search/exact.py", _statement):
        plan = tiny.plan()
        reasons = tiny.run("-n")
        assert {"similarity", "rank", "grading_batch", "release_lenses"} <= plan.keys()
        assert not plan.keys() & (TRAINING | {"ingest", "embed", "score_probe", "score_finder", "simulate_survey"})
        assert "search.exact=" in reasons
    assert tiny.plan() == {}


def test_editing_one_network_leaves_the_others_fresh(tiny):
    with tiny.edit("src/pipeline/models/shielded.py", _statement):
        plan = tiny.plan()
        assert {"train_finder", "score_finder"} <= plan.keys()
        assert not plan.keys() & {"pretrain", "embed", "train_probe", "score_probe", "similarity"}
    with tiny.edit("src/pipeline/models/resnet.py", _statement):
        plan = tiny.plan()
        assert {"pretrain", "embed"} <= plan.keys()
        assert not plan.keys() & {"train_finder", "score_finder", "ingest"}
    with tiny.edit("src/pipeline/models/lanusse.py", _statement):  # no model of this run
        assert tiny.plan() == {}


def test_a_comment_makes_nothing_stale(tiny):
    names = ["search/exact.py", "data/shards.py", "stages/embed.py", "spectra/resample.py", "models/quasarnet.py"]
    with tiny.edits([*names, "stages/redshift.py"], lambda text: "# a reason\n" + text + "\n# another\n"):
        assert tiny.plan() == {}


def test_what_cannot_change_a_product_makes_nothing_stale(tiny):
    with tiny.edits(["log.py", "errors.py", "graph.py", "stages/_door.py"], _statement):
        assert tiny.plan() == {}


def test_editing_the_shards_makes_their_users_stale(tiny):
    with tiny.edit("src/pipeline/data/shards.py", _statement):
        plan = tiny.plan()
    assert {"ingest", "pretrain", "embed"} <= plan.keys() and not plan.keys() & {"splits", "write_settings"}


def test_settings_of_the_probe_leave_embeddings_alone(tiny):
    def change(content):
        content["models"]["probe"]["l2"] = [0.5]

    with tiny.settings(change):
        plan = tiny.plan()
    assert {"train_probe", "score_probe", "rank"} <= plan.keys()
    assert plan["train_probe"] == 1 and plan["write_settings"] == 1
    assert not plan.keys() & {"embed", "pretrain", "ingest", "train_finder", "score_finder", "similarity"}


# What belongs to neither half, and follows a change of either.
BOTH = {"release_index"}
SPECTRA = [
    "models/quasarnet.py", "spectra/resample.py", "simulate/spectra/quasars.py", "learn/redshift/training.py",
    "learn/eigenspectra.py", "labels/spectra_sample.py", "release/redshift_report.py",
]  # fmt: skip
IMAGES = [
    "images/augment.py", "models/shielded.py", "surveys/sweeps.py", "simulate/population.py", "learn/supervised.py",
    "labels/samples.py", "release/report.py",
]  # fmt: skip


@pytest.mark.parametrize(("half", "target", "names"), [("spectra", "redshifts", SPECTRA), ("images", "lenses", IMAGES)])
def test_editing_one_half_makes_nothing_of_the_other_stale(tiny, half, target, names):
    with tiny.edits(names, _statement):
        plan = tiny.plan()
        text = (tiny.folder / "workflow" / "rules" / "spectra.smk").read_text()
        for name in ("redshifts", "redshift_release"):
            text += (tiny.folder / "workflow" / "rules" / f"{name}.smk").read_text()
    of_spectra = set(re.findall(r"^ *rule (\w+):", text, re.M))
    assert {"ingest_spectra", "train_redshift", "redshift_report"} <= of_spectra
    found = plan.keys() - BOTH
    assert len(found) > 8 and (found <= of_spectra if half == "spectra" else not found & of_spectra), plan


def test_editing_one_estimator_leaves_the_others_fresh(tiny):
    with tiny.edit("src/pipeline/models/quasarnet.py", _statement):
        plan = tiny.plan()
    follow = {"calibrate_redshifts", "combine_redshifts", "assess_redshifts", "release_redshifts", "redshift_report"}
    assert plan["train_redshift"] == plan["redshift"] == 1 and follow <= plan.keys()
    assert plan.keys() <= follow | BOTH | {"train_redshift", "redshift", "redshift_figures"}
    with tiny.edit("src/pipeline/models/pca.py", _statement):
        plan = tiny.plan()
    assert plan["fit_templates"] == plan["redshift"] == 1 and "train_redshift" not in plan


def test_settings_of_one_training_leave_the_other_estimators_fresh(tiny):
    def change(content):
        content["spectra"]["estimators"]["quasarnet"]["training"]["epochs"] += 1

    with tiny.settings(change):
        plan = tiny.plan()
    assert plan["train_redshift"] == plan["redshift"] == plan["calibrate_redshifts"] == plan["write_settings"] == 1
    kept = {"ingest_spectra", "sample_spectra", "fit_templates", "masked_lines", "redshift_sweeps"}
    assert not plan.keys() & (kept | {"ingest", "pretrain"})


@pytest.mark.graph
@pytest.mark.timeout(1200)
def test_a_second_tranche_of_spectra_trains_nothing(tiny, tmp_path):
    project = _copy(tiny, tmp_path / "grown-spectra")
    before = project.digests()

    def grow(content):
        content["spectra"]["survey"]["tranches"] = 2

    with project.settings(grow):
        plan = project.plan("redshifts")
        assert {"simulate_spectra", "ingest_spectra", "redshift", "combine_redshifts"} <= plan.keys()
        kept = {"train_redshift", "fit_templates", "split_spectra", "sample_spectra", "calibrate_redshifts"}
        assert not plan.keys() & (kept | {"masked_lines", "redshift_sweeps", "ingest"})
        project.run("redshifts")
        assert project.plan("redshifts") == {}
        after = project.digests()
    # What counts or shows all spectra grew, and with it the list of shards and of settings.
    grown = r"^(settings\.yaml|spectra/shards\.tsv|spectra/assessment/|release/)"
    assert [name for name in before if after[name] != before[name] and not re.match(grown, name)] == []
    assert "spectra/redshifts/combined/t2-s0000.json" in after
    released = [len(read_parquet(one.results / TABLE)) for one in (tiny, project)]
    assert released[1] > 1.5 * released[0] > 0


def _copy(project, folder):
    shutil.copytree(project.folder, folder, symlinks=True)
    copy = Project.__new__(Project)
    copy.folder = folder
    copy.environment = {**project.environment, "PYTHONPATH": str(folder / "src")}
    return copy


def test_a_second_tranche_trains_nothing(tiny, tmp_path):
    project = _copy(tiny, tmp_path / "grown")
    before = project.digests()
    with project.settings(lambda content: content["survey"].__setitem__("tranches", 2)):
        plan = project.plan()
        assert {
            "simulate_survey",
            "ingest",
            "embed",
            "score_probe",
            "score_finder",
            "similarity",
            "rank",
        } <= plan.keys()
        assert not plan.keys() & TRAINING
        project.run()
        assert project.plan() == {}
        after = project.digests()
        names = [name for name in before if "/t1-" in name or name.endswith(".pt") or "labels" in name]
        # old x new was searched too, so that lists of neighbours of the first tranche grew; nothing else of it changed
        changed = [name for name in names if after[name] != before[name] and "neighbours/" not in name]
        assert changed == [] and any(after[name] != before[name] for name in names if "neighbours/" in name)
        assert any("/t2-" in name for name in after if name.startswith("images/embeddings/moco/"))
        # the appended search has the bytes of one from the beginning
        shutil.rmtree(project.results / "images" / "neighbours")
        shutil.rmtree(project.folder / "work")
        project.run(project.results.relative_to(project.folder) / "images" / "neighbours" / "moco" / "manifest.json")
        again = project.digests()
        assert [name for name in after if "neighbours/" in name and after[name] != again[name]] == []


def test_code_edited_during_a_run_stops_the_next_stage(tiny, tmp_path):
    project = _copy(tiny, tmp_path / "edited")
    log = project.folder / "work" / "tiny" / "logs" / "pretrain" / "moco.log"
    log.unlink()
    process = subprocess.Popen(
        project.command("--forcerun", "pretrain"),
        cwd=project.folder,
        env=project.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 60
    while not (log.is_file() and "begin" in log.read_text()):
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.05)
    with project.edit("src/pipeline/data/shards.py", _statement):
        text = process.communicate(timeout=120)[1]
    assert process.returncode != 0
    logs = "".join(path.read_text() for path in (project.folder / "work" / "tiny" / "logs").rglob("*.log"))
    assert "the code changed while the run is going" in logs + text and "pipeline.data.shards" in logs + text
