"""The configurations of the repository: valid, complete, and described by config/schema.json."""

import difflib
import importlib
import json

import numpy as np
import pytest
import torch
import yaml

from pipeline import graph
from pipeline.errors import PipelineError
from pipeline.learn.ranking import number_inspected
from pipeline.learn.redshift.experiments import variants
from pipeline.learn.redshift.labels import Labels
from pipeline.learn.redshift.schedule import learning_rate
from pipeline.settings.run import IMAGE_HALF, schema_text
from pipeline.simulate import layout
from pipeline.spectra.inputs import input_grid

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


def _network(section):
    """The network that the stage `train_redshift` builds from a section of the settings."""
    module = importlib.import_module(f"pipeline.learn.estimators.{section.kind}")
    known = Labels(
        np.arange(2), np.zeros(2, dtype=np.int64), np.array([2.8, 3.0]), np.zeros(2, dtype=np.int64), np.ones(2)
    )
    task = module.begin(section, known)
    return module.network(section.size.plain(), input_grid(section.input).pixels, task, torch.Generator())


def _trainable(network):
    return sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)


def test_the_redshifts_of_fnet_2022_have_the_numbers_of_the_paper(root):
    """Rastegar Nia et al. 2022: §2 to 4; the sizes are those of the published codes."""
    spectra = graph.load(_read(root, "boss-dr16q-fnet2022")).spectra
    assert spectra.survey.root == "/data/sas/dr16" and spectra.survey.quasars.startswith("/data/sas/dr16/eboss/qso/")
    fnet, quasarnet = spectra.estimators["fnet"], spectra.estimators["quasarnet"]
    assert _trainable(_network(fnet)) == 10_171_944 and _trainable(_network(quasarnet)) == 520_882
    assert input_grid(fnet.input).pixels == 4618 and input_grid(quasarnet.input).pixels == 443
    assert len(fnet.size.channels) * len(fnet.size.kernels) == 24
    plan = fnet.training
    rates = [learning_rate(plan, [{}] * epoch) for epoch in (0, 74, 75, 84, 85, 89, 90, 99)]
    assert rates == pytest.approx([2.4e-4] * 2 + [2.4e-5] * 2 + [2.4e-6] * 2 + [2.4e-7] * 2)
    assert plan.epochs == 100 and plan.weight_decay == 1e-5 and plan.optimiser == "adam"
    # 10 % of DR12Q validate: a fold of the training, and what selects and calibrates together.
    deal = spectra.sample.deal
    assert deal.select + deal.calibrate == pytest.approx(1 / plan.folds) and plan.folds == spectra.sample.folds
    for section in (spectra.masked_lines.networks["fnet"], spectra.sweeps.network):
        assert (section.size, section.input, section.head) == (fnet.size, fnet.input, fnet.head)
        assert section.training.epochs == 100 and section.training.weight_decay == 1e-5
    assert spectra.masked_lines.z == [2.8, 3.0] and spectra.masked_lines.spectra == 11_227
    assert [line.rest for line in spectra.masked_lines.lines] == [1033, 1216, 1241, 1398, 1549, 1909, 2326]
    assert learning_rate(spectra.sweeps.network.training, [{}] * 99) == 2.4e-4
    found = list(variants(spectra.sweeps))
    depths = [len(one.size.channels) * 3 for varied, _, one in found if varied == "blocks"]
    kernels = [kernel for varied, value, _ in found if varied == "kernels" for kernel in value]
    assert (min(depths), max(depths)) == (9, 72) and 10 in kernels and max(kernels) == 500
    assert {value for varied, value, _ in found if varied == "optimiser"} == {"adam", "sgd", "adagrad", "rmsprop"}
    for _, _, one in found:
        assert _network(one.model_copy(update={"input": fnet.input.model_copy(update={"rebin": 8})}))


def test_rnet_has_the_numbers_of_its_slides(root):
    """What they print in code: the network but for one number, and the preparation of its input."""
    spectra = graph.load(_read(root, "boss-rnet-slides")).spectra
    rnet = spectra.estimators["rnet"]
    network = _network(rnet)
    convolutions = (200 + 1) * 32 + (200 * 32 + 1) * 16 + (20 * 16 + 1) * 128
    dense = (21_120 + 1) * 900 + (900 + 1) * 100 + 101
    assert network.dense[0].in_features == 21_120 and _trainable(network) == convolutions + dense == 19_249_037
    wavelength = input_grid(rnet.input).wavelength
    np.testing.assert_allclose(wavelength, np.linspace(3500, 10000, 2000), rtol=1e-12)
    assert (spectra.sample.redshift.lower, spectra.sample.redshift.upper, spectra.sample.label) == (2.8, 3.0, "z_pipe")
    blind = spectra.masked_lines.networks["rnet"]
    assert spectra.masked_lines.z == [2.8, 3.0] and blind.model_copy(update={"training": rnet.training}) == rnet


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
