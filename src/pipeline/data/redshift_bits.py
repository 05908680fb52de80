"""The bits of warnings about spectra and redshifts: one registry, with Redrock's meaning where it has the same."""

from collections.abc import Iterable
from dataclasses import dataclass

from pipeline.errors import PipelineError


@dataclass(frozen=True)
class RedshiftBit:
    """One bit of a warning."""

    bit: int
    name: str
    meaning: str


# Bits 0 to 11 are those of Redrock's ZWARN, 24 and up come from the ingest.
REDSHIFT_BITS = (
    RedshiftBit(0, "SKY", "a sky fibre"),
    RedshiftBit(1, "LITTLE_COVERAGE", "too little of the wavelength range has data"),
    RedshiftBit(2, "SMALL_DELTA_CHI2", "the second-best fit is nearly as good"),
    RedshiftBit(3, "NEGATIVE_MODEL", "the fitted model is negative"),
    RedshiftBit(4, "MANY_OUTLIERS", "many pixels lie far from the fitted model"),
    RedshiftBit(5, "Z_FITLIMIT", "the best redshift lies at the edge of the range that was searched"),
    RedshiftBit(6, "NEGATIVE_EMISSION", "an emission line of the fitted model is negative"),
    RedshiftBit(7, "UNPLUGGED", "the fibre was unplugged or broken"),
    RedshiftBit(8, "BAD_TARGET", "the fibre was not on a target"),
    RedshiftBit(9, "NODATA", "no pixel of the spectrum can be used"),
    RedshiftBit(10, "BAD_MINFIT", "the parabola through the minimum failed"),
    RedshiftBit(11, "POORDATA", "the data are of poor quality"),
    RedshiftBit(16, "LOW_CONFIDENCE", "the probability of being wrong is above the limit"),
    RedshiftBit(17, "NOT_QUASAR", "the spectrum is not that of a quasar"),
    RedshiftBit(18, "DISAGREE", "the estimators disagree"),
    RedshiftBit(19, "NO_LINES", "no line was found"),
    RedshiftBit(20, "SECOND_CLOSE", "a second redshift is nearly as likely"),
    RedshiftBit(21, "OFF_GRID", "the spectrograph does not cover a part of the grid"),
    RedshiftBit(24, "NAN_PIXELS", "the file had pixels that are not a number; they are carried as 0, without weight"),
    RedshiftBit(25, "UNREADABLE", "the file or row could not be read as a spectrum; it is carried as 0"),
)

_BY_NAME = {one.name: one for one in REDSHIFT_BITS}


def bit(name: str) -> int:
    """Return the value (a power of two) of a named bit.

    Raises
    ------
    PipelineError
        No bit has that name.
    """
    if name not in _BY_NAME:
        raise PipelineError("unknown bit of a redshift warning", value=name, allowed=", ".join(_BY_NAME))
    return 1 << _BY_NAME[name].bit


def combine(names: Iterable[str]) -> int:
    """Return the value with all the named bits set; errors as `bit`."""
    value = 0
    for name in names:
        value |= bit(name)
    return value


def names(value: int) -> list[str]:
    """Return the names of the bits that are set in a value."""
    return [one.name for one in REDSHIFT_BITS if int(value) >> one.bit & 1]
