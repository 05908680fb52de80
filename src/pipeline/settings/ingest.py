"""Settings of the ingest: which sources, how large the cutouts, what happens to bad input."""

from typing import Literal

from pydantic import Field

from pipeline.settings.base import Section

Band = Literal["g", "r", "z"]


class MagnitudeRange(Section):
    """AB magnitudes as observed (not corrected for extinction), the faint limit excluded."""

    band: Band
    bright: float | None
    faint: float


class Passes(Section):
    """Least number of passes (NOBS) in each band."""

    g: int = Field(ge=0)
    r: int = Field(ge=0)
    z: int = Field(ge=0)


class Selection(Section):
    """Cuts on the catalogue. A cut that is null is off. PSF and DUP are never selected."""

    types: list[Literal["DEV", "EXP", "REX", "SER"]] = Field(min_length=1)
    magnitude: MagnitudeRange | None
    passes: Passes | None
    maskbits: list[int] = Field(description="bits of MASKBITS that exclude a source")
    max_fracflux: float | None = Field(description="largest FRACFLUX in any band: flux of neighbours over own flux")
    resolve_overlap: bool = Field(description="where two regions observed the same sky, keep the survey's choice only")


class Ingest(Section):
    """Section `ingest`."""

    selection: Selection | None
    cutout_pixels: int = Field(ge=8)
    photo_z: bool
    compression: Literal["none", "lossless", "quantized"] = Field(
        description="of the images; quantized keeps the noise to 1/16 of its sigma"
    )
    on_bad_object: Literal["flag", "error"]
    shards_per_job: int = Field(ge=1)
