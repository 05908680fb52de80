"""Settings of models: what is refused, and what a change of settings that scoring does not need leaves alone."""

import pytest
import yaml

from pipeline.errors import PipelineError
from pipeline.settings.models import Finder, Probe


@pytest.fixture(scope="module")
def tiny(root):
    return yaml.safe_load((root / "config/tiny.yaml").read_text())["models"]


def test_features_are_checked_by_name(tiny):
    with pytest.raises(PipelineError, match="embedding.<encoder>"):
        Probe.parse({**tiny["probe"], "features": ["embeddings.moco"]})
    with pytest.raises(PipelineError, match="twice"):
        Probe.parse({**tiny["probe"], "features": ["catalogue", "catalogue"]})
    probe = Probe.parse({**tiny["probe"], "features": ["embedding.one", "catalogue", "embedding.two"]})
    assert probe.encoders == ["one", "two"]


@pytest.mark.parametrize(
    ("part", "key", "value", "words"),
    [
        ("training", "group", 12, "whole multiple of group"),
        ("training", "lens_fraction", 0.001, "at least one lens"),
        ("training", "lens_fraction", 0.999, "one non-lens"),
        ("input", "pixels", 30, "whole multiple of pixels"),
        ("training", "batches", 3, "did you mean `batch`"),
    ],
)
def test_what_does_not_fit_together_is_refused(tiny, part, key, value, words):
    changed = {**tiny["shielded"], part: {**tiny["shielded"][part], key: value}}
    with pytest.raises(PipelineError, match=words):
        Finder.parse(changed)


def test_more_images_than_the_search_has_cannot_be_inspected(tiny):
    with pytest.raises(PipelineError, match="inspect must not exceed"):
        Probe.parse({**tiny["probe"], "top_n": {"inspect": 500, "of": 400}})


def test_how_a_model_was_trained_is_no_part_of_its_scoring(tiny):
    one, two = (Probe.parse({**tiny["probe"], "l2": l2}).scoring for l2 in ([0.1], [0.2]))
    assert one.plain() == two.plain() == {"score_rows": 1024, "threads": 1}
    assert Finder.parse(tiny["shielded"]).scoring.plain() == {"score_batch": 64, "score_threads": 1}
