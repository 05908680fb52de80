"""Random numbers as a pure function of (seed, stage, epoch, object_id, counter): no state, any order, any batch.

The generator is Philox-4x64 with 10 rounds (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3").
Key and upper counter words come from a SHA-256 of (seed, stage, epoch), the lower ones are the object and the block.
"""

import hashlib
import json

import numpy as np

_MULTIPLIERS = (np.uint64(0xD2E7470EE14C6C93), np.uint64(0xCA5A826395121157))
_WEYL = (0x9E3779B97F4A7C15, 0xBB67AE8584CAA73B)
_LOW = np.uint64(0xFFFFFFFF)
_32 = np.uint64(32)
_WORD = 2**64 - 1


def words(seed: int, stage: str, epoch: int, object_id: np.ndarray, n: int) -> np.ndarray:
    """Return (N, n) random uint64 words for object_id (N,) int64; row i depends on object_id[i] alone."""
    digest = _digest(["counter", int(seed), str(stage), int(epoch)])
    key, upper = digest[:2], digest[2:]
    ids = np.ascontiguousarray(object_id, dtype=np.int64).view(np.uint64).reshape(-1, 1)
    blocks = np.arange(-(-n // 4), dtype=np.uint64).reshape(1, -1)
    counter = np.empty((4, ids.shape[0], blocks.shape[1]), dtype=np.uint64)
    counter[0], counter[1], counter[2], counter[3] = ids, blocks, upper[0], upper[1]
    return np.moveaxis(philox(counter, key), 0, -1).reshape(ids.shape[0], 4 * blocks.shape[1])[:, :n]


def uniform(seed: int, stage: str, epoch: int, object_id: np.ndarray, n: int) -> np.ndarray:
    """Return (N, n) float64 in [0, 1), multiples of 2**-53, for object_id (N,) int64."""
    return (words(seed, stage, epoch, object_id, n) >> np.uint64(11)) * 2.0**-53


def normal(seed: int, stage: str, epoch: int, object_id: np.ndarray, n: int) -> np.ndarray:
    """Return (N, n) float64 standard normal deviates for object_id (N,) int64 (inverse distribution, |x| < 8.3)."""
    from scipy.special import ndtri  # a quarter of a second: most stages draw no such numbers

    # 52 bits: half a step more is exact, so that the argument is never 0 or 1.
    halves = (words(seed, stage, epoch, object_id, n) >> np.uint64(12)) + 0.5
    return ndtri(halves * 2.0**-52)


def ranks(seed: int, stage: str, epoch: int, object_id: np.ndarray) -> np.ndarray:
    """Return (N,) uint64: the first n by (rank, object_id) are a random draw, contained in every longer one."""
    return words(seed, stage, epoch, object_id, 1)[:, 0]


def order(seed: int, stage: str, epoch: int, object_id: np.ndarray) -> np.ndarray:
    """Return the permutation (N,) that shuffles object_id; the shuffled ids do not depend on the order given."""
    return np.lexsort((np.asarray(object_id, dtype=np.int64), ranks(seed, stage, epoch, object_id)))


def stream(seed: int, *keys: str | int) -> np.random.Generator:
    """Return numpy's Philox generator for a sequence of draws that belongs to (seed, keys)."""
    parts = [int(key) if isinstance(key, (int, np.integer)) else str(key) for key in keys]
    return np.random.Generator(np.random.Philox(key=_digest(["stream", int(seed), *parts])[:2]))


def philox(counter: np.ndarray, key: np.ndarray) -> np.ndarray:
    """Return the Philox-4x64-10 blocks (4, ..., N) uint64 of counters (4, ..., N) uint64 under a key (2,) uint64."""
    a, b, c, d = counter
    k0, k1 = int(key[0]), int(key[1])
    for _ in range(10):
        high_a, low_a = _multiply(a, _MULTIPLIERS[0])
        high_c, low_c = _multiply(c, _MULTIPLIERS[1])
        a, b, c, d = high_c ^ b ^ np.uint64(k0), low_c, high_a ^ d ^ np.uint64(k1), low_a
        k0, k1 = (k0 + _WEYL[0]) & _WORD, (k1 + _WEYL[1]) & _WORD
    return np.stack([a, b, c, d])


def _multiply(x: np.ndarray, m: np.uint64) -> tuple[np.ndarray, np.ndarray]:
    """Return high and low 64 bits of the 128-bit products of x (...) and m."""
    x_low, x_high = x & _LOW, x >> _32
    m_low, m_high = m & _LOW, m >> _32
    cross = x_high * m_low + ((x_low * m_low) >> _32)
    middle = x_low * m_high + (cross & _LOW)
    return x_high * m_high + (cross >> _32) + (middle >> _32), x * m


def _digest(parts: list) -> np.ndarray:
    """Return (4,) uint64 from a SHA-256 of the parts, in which 1 and "1" differ."""
    return np.frombuffer(hashlib.sha256(json.dumps(parts).encode()).digest(), dtype="<u8").astype(np.uint64)
