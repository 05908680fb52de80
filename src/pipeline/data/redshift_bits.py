"""The bits of warnings about spectra and redshifts: one registry, with Redrock's meaning where it has the same."""

from pipeline.data.bits import Bit, Registry

# Bits 0 to 11 are those of Redrock's ZWARN, 24 and up come from the ingest.
REDSHIFT_BITS = (
    Bit(0, "SKY", "a sky fibre"),
    Bit(1, "LITTLE_COVERAGE", "too little of the wavelength range has data"),
    Bit(2, "SMALL_DELTA_CHI2", "the second-best fit is nearly as good"),
    Bit(3, "NEGATIVE_MODEL", "the fitted model is negative"),
    Bit(4, "MANY_OUTLIERS", "many pixels lie far from the fitted model"),
    Bit(5, "Z_FITLIMIT", "the best redshift lies at the edge of the range that was searched"),
    Bit(6, "NEGATIVE_EMISSION", "an emission line of the fitted model is negative"),
    Bit(7, "UNPLUGGED", "the fibre was unplugged or broken"),
    Bit(8, "BAD_TARGET", "the fibre was not on a target"),
    Bit(9, "NODATA", "no pixel of the spectrum can be used"),
    Bit(10, "BAD_MINFIT", "the parabola through the minimum failed"),
    Bit(11, "POORDATA", "the data are of poor quality"),
    Bit(16, "LOW_CONFIDENCE", "the probability of being wrong is above the limit"),
    Bit(17, "NOT_QUASAR", "the spectrum is not that of a quasar"),
    Bit(18, "DISAGREE", "the estimators disagree"),
    Bit(19, "NO_LINES", "no line was found"),
    Bit(20, "SECOND_CLOSE", "a second redshift is nearly as likely"),
    Bit(21, "OFF_GRID", "the spectrograph does not cover a part of the grid"),
    Bit(24, "NAN_PIXELS", "the file had pixels that are not a number; they are carried as 0, without weight"),
    Bit(25, "UNREADABLE", "the file or row could not be read as a spectrum; it is carried as 0"),
)

_REGISTRY = Registry("bit of a redshift warning", REDSHIFT_BITS)
bit, combine, names = _REGISTRY.bit, _REGISTRY.combine, _REGISTRY.names
