"""Settings and a batch that the tests of grading share."""

import pytest
from grading.examples import candidates, grading

from pipeline.grading.batch import make_batch


@pytest.fixture
def settings():
    """Two people, Huang's rule."""
    return grading()


@pytest.fixture
def batch(settings):
    """Six candidates."""
    return make_batch(candidates(), run="demo", number=1, seed=3, rule=settings.rule)
