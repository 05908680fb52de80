"""Settings of the similarity of all objects to each other."""

from typing import Literal

from pydantic import Field

from pipeline.settings.base import Section


class Similarity(Section):
    """Exact neighbours by cosine within a window of magnitude (Stein et al. 2021, section 3.2)."""

    neighbours: int = Field(gt=0, description="k, neighbours kept for each object")
    magnitude_band: Literal["g", "r", "z"] = Field(description="band of the window")
    delta_mag: float = Field(gt=0, description="half width of the window, magnitudes")
    duplicate_arcsec: float = Field(gt=0, description="objects closer than this are one, never neighbours")
    tile: int = Field(ge=16, multiple_of=16, description="rows and columns of one padded product of matrices")
    threads: int = Field(ge=1, description="torch threads; part of the settings because they may change last bits")
