"""The registries of bits: names and values agree both ways, and the registries in use hold no bit twice."""

import pytest

from pipeline.data import flags, redshift_bits
from pipeline.data.bits import Bit, Registry
from pipeline.errors import PipelineError

SOME = Registry("colour", (Bit(0, "RED", "long"), Bit(5, "BLUE", "short")))


def test_names_and_values():
    assert (SOME.bit("RED"), SOME.bit("BLUE"), SOME.combine(["BLUE", "RED", "RED"]), SOME.combine([])) == (1, 32, 33, 0)
    assert SOME.names(33) == ["RED", "BLUE"] and SOME.names(2) == []


def test_an_unknown_name():
    with pytest.raises(PipelineError, match=r"unknown colour[\s\S]*GREEN[\s\S]*RED, BLUE"):
        SOME.bit("GREEN")
    with pytest.raises(PipelineError, match="unknown colour"):
        SOME.combine(["RED", "GREEN"])


@pytest.mark.parametrize("entries", [flags.FLAGS, redshift_bits.REDSHIFT_BITS])
def test_no_bit_or_name_twice(entries):
    assert len({one.bit for one in entries}) == len({one.name for one in entries}) == len(entries)
    assert all(0 <= one.bit < 31 for one in entries)  # int32 columns
