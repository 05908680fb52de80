"""The configurations of the repository: valid, complete, and described by config/schema.json."""

import difflib

import pytest
import yaml

from pipeline import graph
from pipeline.errors import PipelineError
from pipeline.settings.run import schema_text

CONFIGS = ("tiny", "demo", "study")


def _read(root, name):
    return yaml.safe_load((root / "config" / f"{name}.yaml").read_text())


@pytest.mark.parametrize("name", CONFIGS)
def test_a_configuration_is_valid_and_named_as_its_file(root, name):
    assert graph.load(_read(root, name)).run == name


def test_the_configurations_have_the_same_sections(root):
    keys = [list(_read(root, name)) for name in CONFIGS]
    assert {frozenset(found) for found in keys} == {frozenset(keys[0])}


def test_the_schema_is_that_of_the_models(root):
    stored = (root / "config" / "schema.json").read_text()
    drift = "".join(difflib.unified_diff(stored.splitlines(True), schema_text().splitlines(True), "stored", "models"))
    assert not drift, f"{drift}\nmend it with: make schema"


def test_no_setting_has_a_hidden_default(root):
    """Leaving out any key of a configuration is an error that names the key."""
    content = _read(root, "tiny")

    def leaves(value, path):
        if isinstance(value, dict):
            for key in value:
                yield [*path, key]
                yield from leaves(value[key], [*path, key])

    # Keys of free dictionaries are names chosen by the user, not settings.
    free = {("encoders",), ("models",), ("sample", "confusers", "shares"), ("assess", "classes", "rows")}
    for path in leaves(content, []):
        if tuple(path[:-1]) in free:
            continue
        copy = yaml.safe_load(yaml.safe_dump(content))
        inner = copy
        for key in path[:-1]:
            inner = inner[key]
        del inner[path[-1]]
        with pytest.raises(PipelineError):
            graph.load(copy)


def test_study_and_demo_have_the_sky_that_statistics_need(root):
    """At least 100 sky cells, 24 in tiny; the study judges on 35 % of the sky or more."""
    for name, cells in (("tiny", 24), ("demo", 100), ("study", 100)):
        settings = graph.load(_read(root, name))
        survey = settings.survey
        areas = survey.tiles_south + survey.tiles_north + survey.tiles_overlap
        assert areas * survey.bricks_per_tile / (1 + survey.sky.pair_share) >= cells, name
    assert settings.splits.shares.judge >= 0.35
