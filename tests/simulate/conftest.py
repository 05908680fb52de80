"""A very small simulated survey for tests."""

import copy

import pytest
import yaml

from pipeline.settings.simulation import Simulated


@pytest.fixture(scope="session")
def survey_values(root) -> dict:
    """The section `survey` of the tiny configuration, with three bricks of 420 pixels an area and many lenses."""
    values = yaml.safe_load((root / "config" / "tiny.yaml").read_text())["survey"]
    values |= {"bricks_per_tile": 3, "tiles_south": 1, "tiles_north": 0, "tiles_overlap": 0, "tranches": 1}
    values["sky"] |= {"brick_pixels": 420, "margin_pixels": 50, "pair_share": 0.6, "pair_reach_pixels": [20, 120]}
    values["lenses"]["share"] = 0.2
    return values


@pytest.fixture(scope="session")
def survey(survey_values) -> Simulated:
    """That section, validated."""
    return Simulated.parse(survey_values)


@pytest.fixture(scope="session")
def changed(survey_values):
    """A function: the section with other values at dotted keys."""

    def change(**values) -> Simulated:
        new = copy.deepcopy(survey_values)
        for dotted, value in values.items():
            *path, last = dotted.split("__")
            node = new
            for key in path:
                node = node[key]
            node[last] = value
        return Simulated.parse(new)

    return change
