"""The bootstrap over systems."""

import numpy as np

from pipeline.assess import resampling


def test_objects_of_one_system_are_drawn_together_and_the_share_of_lens_systems_stays():
    labels = np.array([1, 0, 1, 0, 0, 0, 0], dtype=bool)
    system = np.array([5, 5, 9, 2, 2, 3, 4])
    drawn = np.array(list(resampling.draws(labels, system, 4000, 1, "x")))
    assert (drawn[:, 0] == drawn[:, 1]).all() and (drawn[:, 3] == drawn[:, 4]).all()
    assert (drawn[:, 0] + drawn[:, 2] == 2).all()  # two systems with a lens in every sample
    assert (drawn[:, 3] + drawn[:, 5] + drawn[:, 6] == 3).all()
    assert np.allclose(drawn.mean(axis=0), 1, atol=0.06)
    assert np.isclose(np.cov(drawn[:, 5], drawn[:, 6])[0, 1], -1 / 3, atol=0.06)  # multinomial of three


def test_draws_depend_on_seed_and_keys_alone():
    labels, system = np.arange(20) < 4, np.arange(20)
    first = np.array(list(resampling.draws(labels, system, 5, 1, "x")))
    assert (first == np.array(list(resampling.draws(labels, system, 5, 1, "x")))).all()
    assert (first != np.array(list(resampling.draws(labels, system, 5, 2, "x")))).any()
    assert (first != np.array(list(resampling.draws(labels, system, 5, 1, "y")))).any()
