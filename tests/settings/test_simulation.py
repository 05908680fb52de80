"""The simulated survey's settings: what they refuse, and what the three configurations promise."""

import copy

import pytest
import yaml

from pipeline.errors import PipelineError
from pipeline.graph import simulated_shards
from pipeline.settings.simulation import Simulated
from pipeline.simulate import layout
from pipeline.simulate.population import host_share


@pytest.fixture(params=["tiny", "demo", "study"])
def configured(request, root):
    values = yaml.safe_load((root / "config" / f"{request.param}.yaml").read_text())["survey"]
    return request.param, values, Simulated.parse(values)


def areas(survey):
    return sorted({layout.corner(row.sources) for row in simulated_shards(survey, 1)})


def test_each_configuration_has_the_cells_and_objects_that_it_needs(configured):
    name, _, survey = configured
    fields = [
        field for corner in areas(survey) for field in layout.fields(survey.sky, survey.bricks_per_tile, 1, *corner)
    ]
    assert len(fields) >= {"tiny": 24, "demo": 100, "study": 100}[name]
    side = (survey.sky.brick_pixels - 2 * survey.sky.margin_pixels) * 0.262 / 60
    area = side**2 * sum(len(field.bricks) for field in fields)
    galaxies = survey.population.density * area
    lenses = survey.lenses.share * galaxies
    assert 0.8 < galaxies / {"tiny": 450, "demo": 5000, "study": 31_000}[name] < 1.2
    never = host_share(survey.population) * galaxies * survey.lenses.never_lensed_share
    if name == "study":
        assert lenses > 620
        assert galaxies - lenses > 30_000
        assert never > 1100


def test_the_overlap_is_seen_by_both_regions(configured):
    _, _, survey = configured
    rows = simulated_shards(survey, 1)
    regions = {}
    for row in rows:
        regions.setdefault(row.sources, set()).add(row.region)
    assert sum(len(found) == 2 for found in regions.values()) == survey.tiles_overlap > 0


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("lenses.theta_e", [0.9, 5.0], "at most 4 arcsec"),
        ("sky.ebv.low", 0.5, "low must lie below high"),
        ("blemishes.correlation", [0.9, 0.1, 0.1], "must be 1"),
        ("sky.margin_pixels", 10_000, "more than half of a brick"),
        ("population.group_members", 0.5, "greater than or equal to 1"),
        ("lenses.share", 0.7, "less than 0.5"),
        ("sky.cell_nside", 60, "16, 32, 64 or 128"),
    ],
)
def test_what_cannot_be_is_refused_with_its_key(root, path, value, words):
    values = yaml.safe_load((root / "config" / "tiny.yaml").read_text())["survey"]
    node, keys = copy.deepcopy(values), path.split(".")
    whole = node
    for key in keys[:-1]:
        node = node[key]
    node[keys[-1]] = value
    with pytest.raises(PipelineError, match=words):
        Simulated.parse(whole)
