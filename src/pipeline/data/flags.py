"""The bits of FLAGS: one registry, each with a name and a meaning."""

from pipeline.data.bits import Bit, Registry

FLAGS = (
    Bit(0, "NAN_PIXELS", "the cutout had pixels that are not a number; they are carried as 0"),
    Bit(1, "MISSING_BAND", "at least one band has no image; its pixels are carried as 0"),
    Bit(2, "NO_PSF", "no PSF width is known"),
    Bit(3, "NO_EBV", "no E(B-V) is known"),
    Bit(4, "MEASURED_NOISE", "the noise was measured on the cutout, not taken from the catalogue"),
    Bit(5, "EDGE", "the cutout reaches outside the image; pixels outside are 0"),
    Bit(6, "DUPLICATE", "another row of the input has the same identity; the first one is kept in use"),
    Bit(7, "BAD_SHAPE", "the input image has another shape than asked for"),
    Bit(8, "NEAR_KNOWN", "a known object lies within the matching radius, but another source is nearer to it"),
    Bit(9, "MERGED", "other candidates of the same system were merged into this one"),
    Bit(10, "SIMULATED", "the object comes from a simulated survey"),
    Bit(11, "NO_DEPTH", "no depth is known"),
    Bit(12, "UNREADABLE", "the input could not be read; the pixels are carried as 0"),
    Bit(13, "MEASURED_PSF", "the PSF width was measured on the cutout, not taken from the catalogue"),
    Bit(14, "APERTURE_MAG", "magnitudes come from an aperture, not from a model fit"),
)

_REGISTRY = Registry("flag", FLAGS)
bit, names = _REGISTRY.bit, _REGISTRY.names
