"""The configurations of the repository: valid, complete, and described by config/schema.json."""

import difflib
import json

import pytest
import yaml

from pipeline import graph
from pipeline.errors import PipelineError
from pipeline.learn.ranking import number_inspected
from pipeline.settings.run import IMAGE_HALF, schema_text
from pipeline.simulate import layout

CONFIGS = ("tiny", "demo", "study", "legacy-dr9-stein2021", "boss-dr16q-fnet2022", "boss-rnet-slides")
HALVES = {"images": set(IMAGE_HALF), "spectra": {"spectra"}}


@pytest.fixture(autouse=True)
def a_survey_on_disk(monkeypatch):
    """A configuration of a real survey names its folder by a variable; the folder itself is not looked at."""
    monkeypatch.setenv("LEGACYSURVEY_DIR", "/data/legacysurvey")
    monkeypatch.setenv("SAS_BASE_DIR", "/data/sas")


def _read(root, name):
    return yaml.safe_load((root / "config" / f"{name}.yaml").read_text())


@pytest.mark.parametrize("name", CONFIGS)
def test_a_configuration_is_valid_and_named_as_its_file(root, name):
    assert graph.load(_read(root, name)).run == name


@pytest.mark.parametrize("name", CONFIGS)
def test_a_configuration_has_all_sections_of_a_half_or_none(root, name):
    keys, settings = set(_read(root, name)), graph.load(_read(root, name))
    has = {"images": settings.survey is not None, "spectra": settings.spectra is not None}
    assert any(has.values())
    wanted = [sections for half, sections in HALVES.items() if has[half]]
    assert keys == {"run", "seed", "device"}.union(*wanted)


def test_the_configurations_of_the_simulated_survey_have_both_halves(root):
    for name in ("tiny", "demo", "study"):
        assert set(_read(root, name)) == {"run", "seed", "device"}.union(*HALVES.values())


def test_every_configuration_is_tested(root):
    assert {path.stem for path in (root / "config").glob("*.yaml")} == set(CONFIGS)


def test_the_search_of_stein_2021_has_the_numbers_of_the_paper(root):
    """Those that the settings imply rather than name: the training ratio, the inspected part of the validation set."""
    settings = graph.load(_read(root, "legacy-dr9-stein2021"))
    assert settings.survey.root == "/data/legacysurvey"
    probe = settings.models["probe"]
    assert settings.sample.ratios[probe.tier] == 4000
    validated = 485 * (1 + int(settings.sample.held_out_ratio))
    assert number_inspected(probe.top_n.inspect, probe.top_n.of, validated) == pytest.approx(1139, abs=2)
    assert settings.labels.radius_arcsec == pytest.approx(96 * settings.augmentation.pixel_scale)
    assert sum(stratum.inspect for stratum in settings.rank.strata) == 15_500 and len(settings.searches) == 25
    # The queue holds 1024 whole batches, and at most half of the sample.
    training = settings.encoders["moco"].training
    assert training.queue == 2**18 == 1024 * training.batch and 2 * training.queue <= settings.pretraining.n


def test_the_schema_is_that_of_the_models(root):
    stored = (root / "config" / "schema.json").read_text()
    drift = "".join(difflib.unified_diff(stored.splitlines(True), schema_text().splitlines(True), "stored", "models"))
    assert not drift, f"{drift}\nmend it with: make schema"


def test_no_setting_has_a_hidden_default():
    """Every key of every section must be given; leaving one out names it."""
    schema = json.loads(schema_text())
    sections = {"RunSettings": schema, **schema["$defs"]}
    for name, section in sections.items():
        assert sorted(section.get("properties", {})) == sorted(section.get("required", [])), name
        assert section["additionalProperties"] is False, name


def test_a_missing_key_is_named(root):
    content = _read(root, "tiny")
    del content["splits"]["nside"]
    with pytest.raises(PipelineError, match=r"splits\.nside: this key is missing"):
        graph.load(content)


@pytest.mark.parametrize(("name", "least"), [("tiny", 24), ("demo", 100), ("study", 100)])
def test_the_sky_has_the_cells_that_splits_need(root, name, least):
    settings = graph.load(_read(root, name))
    rows = graph.image_shards(settings, root, [])
    corners = {layout.corner(row.sources) for row in rows}
    survey = settings.survey
    found = [
        field
        for corner in corners
        for field in layout.fields(survey.sky, survey.bricks_per_tile, settings.seed, *corner)
    ]
    assert len(found) >= least
    assert settings.splits.shares.judge >= 0.35 or name != "study"


def test_a_model_does_not_take_the_name_of_another_assessment(root):
    content = _read(root, "tiny")
    content["models"]["survey"] = content["models"]["probe"]
    with pytest.raises(PipelineError, match="survey is the name of another assessment"):
        graph.load(content)


def test_a_tier_beyond_the_ratios_is_refused(root):
    content = _read(root, "tiny")
    content["models"]["probe"]["tier"] = len(content["sample"]["ratios"])
    with pytest.raises(PipelineError, match="probe trains on tier"):
        graph.load(content)
