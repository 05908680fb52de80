"""Grids of wavelength, vacuum Å: those of the FNet paper and its code, RNet, QuasarNET and DESI."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from math import log10
from typing import Literal

import numpy as np

from pipeline.errors import PipelineError


@dataclass(frozen=True)
class Grid:
    """Pixels of equal width in wavelength or in its decimal logarithm.

    Attributes
    ----------
    name : str
    kind : {"log10", "linear"}
    start : float
        First pixel: Å, or log10 of Å.
    step : float
        Å or dex.
    pixels : int
    anchor : {"centre", "left"}
        Which part of a pixel `start` names: QuasarNET gives its bins by their left edges.
    """

    name: str
    kind: Literal["log10", "linear"]
    start: float
    step: float
    pixels: int
    anchor: Literal["centre", "left"] = "centre"

    def _at(self, index: np.ndarray) -> np.ndarray:
        values = self.start + self.step * index
        return 10**values if self.kind == "log10" else values

    @cached_property
    def wavelength(self) -> np.ndarray:
        """Wavelengths (pixels,) float64, vacuum Å, as the source of the grid gives them: see `anchor`."""
        return self._at(np.arange(self.pixels, dtype=np.float64))

    @cached_property
    def edges(self) -> np.ndarray:
        """Edges (pixels + 1,) float64, vacuum Å."""
        return self._at(np.arange(self.pixels + 1, dtype=np.float64) - (0.5 if self.anchor == "centre" else 0.0))

    def index_of(self, wavelength) -> np.ndarray:
        """Return the places of wavelengths on the grid, in pixels, float64; whole at what `wavelength` gives."""
        wavelength = np.asarray(wavelength, dtype=np.float64)
        return ((np.log10(wavelength) if self.kind == "log10" else wavelength) - self.start) / self.step

    def rebinned(self, factor: int) -> "Grid":
        """Return the grid whose pixels are `factor` of this one's; what remains at the red end is left out."""
        if factor == 1:
            return self
        start = self.start + (0.0 if self.anchor == "left" else (factor - 1) / 2 * self.step)
        return Grid(
            f"{self.name}/{factor}", self.kind, start, self.step * factor, self.pixels // factor, anchor=self.anchor
        )

    @property
    def attrs(self) -> dict:
        """What a shard's attributes say of its grid."""
        return {
            "grid": self.name,
            "wave_kind": self.kind,
            "wave_start": self.start,
            "wave_step": self.step,
            "wave_pixels": self.pixels,
        }


# QuasarNET: 443 = int((4 - log10 3600) / 1e-3) bins of 1e-3 dex; the linear one has 17 pixels of DESI a bin.
GRIDS = {
    grid.name: grid
    for grid in (
        Grid("fnet", "log10", 3.5522, (4.0139 - 3.5522) / 4617, 4618),  # published code: linspace(3.5522, 4.0139, 4618)
        Grid("fnet_paper", "log10", log10(3600), (log10(10325) - log10(3600)) / 4617, 4618),  # section 2: 360-1032.5 nm
        Grid("rnet", "linear", 3500.0, 6500 / 1999, 2000),
        Grid("quasarnet", "log10", log10(3600), 1e-3, int((4 - log10(3600)) / 1e-3), "left"),
        Grid("quasarnet_linear", "linear", 3600.0, 13.6, 458, "left"),
        Grid("desi", "linear", 3600.0, 0.8, 7781),
    )
}


def grid(name: str) -> Grid:
    """Return a named grid.

    Raises
    ------
    PipelineError
        There is no such grid.
    """
    if name not in GRIDS:
        raise PipelineError("unknown grid of wavelength", value=name, allowed=", ".join(GRIDS))
    return GRIDS[name]


def grid_of(attrs: Mapping) -> Grid:
    """Return the grid that the attributes of a spectrum shard describe.

    Raises
    ------
    PipelineError
        A named grid with other numbers than this version knows.
    """
    known = GRIDS.get(attrs["grid"])
    if known is not None:
        differing = {name: attrs[name] for name, value in known.attrs.items() if attrs[name] != value}
        if differing:
            raise PipelineError("the shard's grid has other numbers", value=differing, allowed=known.attrs)
        return known
    return Grid(attrs["grid"], *(attrs[f"wave_{name}"] for name in ("kind", "start", "step", "pixels")))
