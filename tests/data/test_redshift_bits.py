"""Bits of redshift warnings: Redrock's values, unique, and there and back."""

import pytest

from pipeline.data.redshift_bits import REDSHIFT_BITS, bit, combine, names
from pipeline.errors import PipelineError

# ZWARN of Redrock (reference_code.md, section 6.1).
REDROCK = {
    "SKY": 1, "LITTLE_COVERAGE": 2, "SMALL_DELTA_CHI2": 4, "NEGATIVE_MODEL": 8, "MANY_OUTLIERS": 16, "Z_FITLIMIT": 32,
    "NEGATIVE_EMISSION": 64, "UNPLUGGED": 128, "BAD_TARGET": 256, "NODATA": 512, "BAD_MINFIT": 1024, "POORDATA": 2048,
}  # fmt: skip


def test_redrocks_values():
    assert {name: bit(name) for name in REDROCK} == REDROCK


def test_no_bit_or_name_stands_twice():
    assert len({one.bit for one in REDSHIFT_BITS}) == len({one.name for one in REDSHIFT_BITS}) == len(REDSHIFT_BITS)


def test_there_and_back():
    chosen = ["SKY", "NODATA", "DISAGREE", "OFF_GRID"]
    assert combine(chosen) == 1 + 512 + 2**18 + 2**21 and names(combine(reversed(chosen))) == chosen
    assert combine([]) == 0 and names(0) == []


def test_an_unknown_name_is_refused():
    with pytest.raises(PipelineError, match="SKYE"):
        combine(["SKYE"])
