"""Counter-based random numbers: against numpy's Philox, in any order and batch, and by their statistics."""

import hashlib
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from pipeline.data import random

IDS = np.arange(200_000, dtype=np.int64) * 3 + (9010 << 42)


def numpy_block(counter, key):
    """The block of numpy's generator for this counter; it counts up before it draws."""
    number = (sum(int(word) << (64 * place) for place, word in enumerate(counter)) - 1) % 2**256
    words = np.array([(number >> (64 * place)) % 2**64 for place in range(4)], dtype=np.uint64)
    return np.random.Philox(counter=words, key=key).random_raw(4)


@given(
    st.lists(st.integers(0, 2**64 - 1), min_size=4, max_size=4),
    st.lists(st.integers(0, 2**64 - 1), min_size=2, max_size=2),
)
@settings(deadline=None)
def test_philox_is_numpys(counter, key):
    counter, key = np.array(counter, dtype=np.uint64), np.array(key, dtype=np.uint64)
    assert random.philox(counter[:, None], key)[:, 0].tolist() == numpy_block(counter, key).tolist()


def test_philox_known_answer():
    """The published vectors of the Random123 library for philox4x64, 10 rounds: all bits 0, all bits 1."""
    zero = random.philox(np.zeros((4, 1), dtype=np.uint64), np.zeros(2, dtype=np.uint64))[:, 0]
    assert [f"{int(word):016x}" for word in zero] == [
        "16554d9eca36314c", "db20fe9d672d0fdc", "d7e772cee186176b", "7e68b68aec7ba23b",
    ]  # fmt: skip
    ones = np.full(6, 2**64 - 1, dtype=np.uint64)
    assert [f"{int(word):016x}" for word in random.philox(ones[:4, None], ones[4:])[:, 0]] == [
        "87b092c3013fe90b", "438c3c67be8d0224", "9cc7d7c69cd777b6", "a09caebf594f0ba0",
    ]  # fmt: skip


def test_words_are_blocks_of_the_key_of_seed_stage_and_epoch():
    digest = hashlib.sha256(json.dumps(["counter", 5, "stage", 2]).encode()).digest()
    key = np.frombuffer(digest, dtype="<u8")
    ids = np.array([0, 1, -7, 2**62 + 5], dtype=np.int64)
    drawn = random.words(5, "stage", 2, ids, 10)
    for row, value in enumerate(ids.tolist()):
        blocks = [numpy_block((value % 2**64, block, *key[2:]), key[:2]) for block in range(3)]
        assert drawn[row].tolist() == np.concatenate(blocks)[:10].tolist()


@given(st.integers(1, 40), st.permutations(range(30)), st.integers(1, 12))
@settings(deadline=None)
def test_rows_depend_on_their_object_alone(batch, permutation, n):
    ids = np.arange(30, dtype=np.int64) * 1_000_003
    whole = random.normal(1, "augment", 4, ids, 12)
    shuffled = ids[list(permutation)]
    parts = [random.normal(1, "augment", 4, shuffled[a : a + batch], n) for a in range(0, 30, batch)]
    np.testing.assert_array_equal(np.concatenate(parts), whole[list(permutation), :n])


@pytest.mark.parametrize("other", [(2, "a", 0), (1, "b", 0), (1, "a", 1), (1, "a", -1)])
def test_seed_stage_and_epoch_matter(other):
    first, second = random.uniform(1, "a", 0, IDS, 1), random.uniform(*other, IDS, 1)
    assert abs(np.corrcoef(first[:, 0], second[:, 0])[0, 1]) < 4 / np.sqrt(len(IDS))
    assert not (first == second).any()


def test_uniform_statistics():
    """Flat, without correlation between neighbouring ids, between counters or between low bits."""
    drawn = random.uniform(3, "quality", 0, IDS, 5)
    assert drawn.min() >= 0 and drawn.max() < 1
    for column in drawn.T:
        assert stats.kstest(column, "uniform").pvalue > 1e-4
    limit = 4.5 / np.sqrt(len(IDS))
    for lag in (1, 2, 64):
        assert abs(np.corrcoef(drawn[:-lag, 0], drawn[lag:, 0])[0, 1]) < limit
    off = np.corrcoef(drawn.T)[np.triu_indices(5, 1)]
    assert np.abs(off).max() < limit
    words = random.words(3, "quality", 0, IDS, 2).ravel()
    for bit in range(64):
        share = ((words >> np.uint64(bit)) & np.uint64(1)).mean()
        assert abs(share - 0.5) < 4.5 * 0.5 / np.sqrt(len(words)), bit


def test_serial_pairs_fill_the_square():
    drawn = random.uniform(4, "pairs", 0, IDS, 2)
    counts = np.histogram2d(drawn[:, 0], drawn[:, 1], bins=32, range=[[0, 1], [0, 1]])[0]
    assert stats.chisquare(counts.ravel()).pvalue > 1e-4


def test_one_bit_of_the_id_changes_half_of_the_bits():
    base = random.words(0, "avalanche", 0, np.arange(2000), 1)[:, 0]
    for bit in range(0, 63, 7):
        flipped = random.words(0, "avalanche", 0, np.arange(2000) ^ (1 << bit), 1)[:, 0]
        changed = np.array([int(a ^ b).bit_count() for a, b in zip(base, flipped, strict=True)])
        assert abs(changed.mean() - 32) < 4.5 * 4 / np.sqrt(2000)


def test_normal_statistics():
    drawn = random.normal(3, "normal", 0, IDS, 2)
    assert np.isfinite(drawn).all()
    assert stats.kstest(drawn.ravel(), "norm").pvalue > 1e-4
    assert drawn.min() < -4 and drawn.max() > 4
    tail = (np.abs(drawn) > 3).mean()
    assert tail == pytest.approx(2 * stats.norm.sf(3), rel=0.1)


def test_normal_is_finite_at_the_ends(monkeypatch):
    ends = np.array([[0, 2**64 - 1]], dtype=np.uint64)
    monkeypatch.setattr(random, "words", lambda *_: ends)
    low, high = random.normal(0, "", 0, np.zeros(1, dtype=np.int64), 2)[0]
    assert low == -high and 8 < high < 8.3


@given(st.permutations(range(50)))
@settings(deadline=None)
def test_order_is_of_the_ids_not_of_their_places(permutation):
    ids = np.arange(50, dtype=np.int64) << 22
    expected = ids[random.order(9, "epoch", 3, ids)]
    shuffled = ids[list(permutation)]
    np.testing.assert_array_equal(shuffled[random.order(9, "epoch", 3, shuffled)], expected)
    assert sorted(expected) == sorted(ids)


def test_order_is_uniform_over_permutations():
    ids = np.arange(3, dtype=np.int64)
    seen = [tuple(random.order(seed, "s", 0, ids)) for seed in range(3000)]
    counts = np.unique(seen, axis=0, return_counts=True)[1]
    assert len(counts) == 6 and stats.chisquare(counts).pvalue > 1e-4


def test_the_first_of_a_longer_draw_are_the_shorter_one():
    ids = np.arange(1000, dtype=np.int64)
    more = np.arange(1100, dtype=np.int64)
    first = set(ids[random.order(1, "sample", 0, ids)][:100])
    kept = [value for value in more[random.order(1, "sample", 0, more)] if value < 1000][:100]
    assert set(kept) == first  # new objects change no old one's rank


def test_streams_are_numpys_philox_and_differ():
    drawn = random.stream(1, "simulate", 3).random(4)
    np.testing.assert_array_equal(drawn, random.stream(1, "simulate", np.int64(3)).random(4))
    others = [random.stream(*keys).random(4) for keys in ((2, "simulate", 3), (1, "simulate", "3"), (1, "simulate3"))]
    assert len({tuple(values) for values in (drawn, *others)}) == 4


def test_no_rows_and_no_columns():
    assert random.uniform(0, "", 0, np.zeros(0, dtype=np.int64), 3).shape == (0, 3)
    assert random.uniform(0, "", 0, np.arange(3), 0).shape == (3, 0)
