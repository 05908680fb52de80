"""The sample for pre-training: uniform in magnitude, allowed objects only, nested, independent of order."""

import numpy as np
import pandas as pd
import pytest

from pipeline.images.photometry import magnitudes
from pipeline.labels.pretraining import pretraining_ids
from pipeline.labels.splits import assign_as_dealt, deal
from pipeline.settings.pretraining import Pretraining

PRETRAINING = {"sets": ["train"], "regions": None, "band": "z", "limit": 21.0, "n": 600, "uniform_bins": 10}


def pretraining(sky_of_tests, catalogue=None, seed=1, **change):
    catalogue = sky_of_tests.catalogue(20_000) if catalogue is None else catalogue
    table = deal(sky_of_tests.splits, 1)
    return pretraining_ids(catalogue, table, Pretraining.parse({**PRETRAINING, **change}), seed=seed)


def test_pretraining_is_uniform_in_magnitude(sky_of_tests):
    catalogue = sky_of_tests.catalogue(20_000)
    ids = pretraining(sky_of_tests, n=1500)
    assert len(ids) == 1500 and (np.diff(ids) > 0).all()
    chosen = catalogue[catalogue.object_id.isin(ids)]
    magnitude = magnitudes(chosen.flux_z)
    assert magnitude.max() < 21.0
    counts = np.histogram(magnitude, bins=10, range=(magnitude.min(), 21.0))[0]
    assert (counts[4:].max() - counts[4:].min()) <= 2  # filled equally ...
    candidates = catalogue[magnitudes(catalogue.flux_z) < 21.0]
    every = np.histogram(magnitudes(candidates.flux_z), bins=10, range=(magnitude.min(), 21.0))[0]
    assert counts[0] < counts[-1] and every[-1] > 5 * every[0]  # ... as far as the bright ones reach (Figure 15)


def test_pretraining_takes_allowed_objects_only(sky_of_tests):
    catalogue = sky_of_tests.catalogue(20_000)
    sets = pd.Series(assign_as_dealt(catalogue.ra, catalogue.dec, deal(sky_of_tests.splits, 1)), catalogue.object_id)
    for allowed in (["train"], ["train", "select", "judge"]):
        ids = pretraining(sky_of_tests, sets=allowed, n=None)
        bright = catalogue.object_id[magnitudes(catalogue.flux_z) < 21.0]
        assert set(ids) == set(sets[sets.isin(allowed)].index) & set(bright)
    south = pretraining(sky_of_tests, regions=["south"])
    assert set(catalogue.region[catalogue.object_id.isin(south)]) == {"south"}


@pytest.mark.parametrize("bins", [None, 10])
def test_pretraining_samples_are_nested_and_free_of_order(sky_of_tests, bins):
    catalogue = sky_of_tests.catalogue(20_000)
    small, large = (pretraining(sky_of_tests, n=n, uniform_bins=bins) for n in (300, 900))
    assert set(small) < set(large)
    shuffled = pretraining(sky_of_tests, catalogue.sample(frac=1, random_state=1), n=300, uniform_bins=bins)
    np.testing.assert_array_equal(shuffled, small)
    assert set(pretraining(sky_of_tests, n=300, uniform_bins=bins, seed=2)) != set(small)
    assert len(pretraining(sky_of_tests, limit=10.0)) == 0
