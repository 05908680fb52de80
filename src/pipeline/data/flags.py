"""The bits of FLAGS: one registry, each with a name and a meaning."""

from dataclasses import dataclass

from pipeline.errors import PipelineError


@dataclass(frozen=True)
class Flag:
    """One bit of FLAGS."""

    bit: int
    name: str
    meaning: str


FLAGS = (
    Flag(0, "NAN_PIXELS", "the cutout had pixels that are not a number; they are carried as 0"),
    Flag(1, "MISSING_BAND", "at least one band has no image; its pixels are carried as 0"),
    Flag(2, "NO_PSF", "no PSF width is known"),
    Flag(3, "NO_EBV", "no E(B-V) is known"),
    Flag(4, "MEASURED_NOISE", "the noise was measured on the cutout, not taken from the catalogue"),
    Flag(5, "EDGE", "the cutout reaches outside the image; pixels outside are 0"),
    Flag(6, "DUPLICATE", "another row of the input has the same identity; the first one is kept in use"),
    Flag(7, "BAD_SHAPE", "the input image has another shape than asked for"),
    Flag(8, "NEAR_KNOWN", "a known object lies within the matching radius, but another source is nearer to it"),
    Flag(9, "MERGED", "other candidates of the same system were merged into this one"),
    Flag(10, "SIMULATED", "the object comes from a simulated survey"),
    Flag(11, "NO_DEPTH", "no depth is known"),
    Flag(12, "UNREADABLE", "the input could not be read; the pixels are carried as 0"),
    Flag(13, "MEASURED_PSF", "the PSF width was measured on the cutout, not taken from the catalogue"),
    Flag(14, "APERTURE_MAG", "magnitudes come from an aperture, not from a model fit"),
)

_BY_NAME = {flag.name: flag for flag in FLAGS}


def bit(name: str) -> int:
    """Return the value (a power of two) of a named flag.

    Raises
    ------
    PipelineError
        No flag has that name.
    """
    if name not in _BY_NAME:
        raise PipelineError("unknown flag", value=name, allowed=", ".join(_BY_NAME))
    return 1 << _BY_NAME[name].bit


def names(value: int) -> list[str]:
    """Return the names of the bits that are set in a FLAGS value."""
    return [flag.name for flag in FLAGS if int(value) >> flag.bit & 1]
