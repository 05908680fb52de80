"""What an image already has of the effects that augmentations draw anew: extinction, PSF width, noise."""

from dataclasses import dataclass

import numpy as np

from pipeline.errors import PipelineError
from pipeline.images.noise import pixel_noise, psf_sigma
from pipeline.settings.augmentation import Augmentation

COLUMNS = ("ebv", *(f"{name}_{band}" for name in ("psfsize", "psfdepth") for band in "grz"))


@dataclass(frozen=True)
class Own:
    """What N images have: E(B-V) (N,), PSF sigma in pixels (N, 3), noise in nanomaggies (N, 3); NaN: unknown."""

    ebv: np.ndarray
    psf: np.ndarray
    noise: np.ndarray

    @classmethod
    def of(cls, columns: dict[str, np.ndarray], pixel_scale: float) -> "Own":
        """Read it from catalogue columns `ebv`, `psfsize_*` (arcsec), `psfdepth_*` (nanomaggies^-2), each (N,)."""
        size, depth = (np.stack([columns[f"{name}_{band}"] for band in "grz"], 1) for name in ("psfsize", "psfdepth"))
        size = np.where(size > 0, size, np.nan)
        ebv = np.asarray(columns["ebv"], dtype=np.float64)
        return cls(ebv, psf_sigma(size, pixel_scale), pixel_noise(depth, size, pixel_scale))

    def __getitem__(self, rows) -> "Own":
        return Own(self.ebv[rows], self.psf[rows], self.noise[rows])


def check_known(own: Own, settings: Augmentation) -> dict[str, int]:
    """Return how many objects lack the value that an augmentation starts from; they go without it.

    Raises
    ------
    PipelineError
        No object has it: such an augmentation must be off.
    """
    missing = {}
    for name, values in (("extinction", own.ebv), ("psf", own.psf), ("noise", own.noise)):
        if getattr(settings, name) == "off":
            continue
        unknown = ~np.isfinite(values)
        missing[name] = int(unknown.reshape(len(unknown), -1).any(axis=1).sum())
        if unknown.all():
            raise PipelineError(
                "this augmentation starts from each object's own value, which no object of the survey has",
                where=f"augmentation.{name}",
                value=getattr(settings, name),
                allowed="off",
            )
    return missing
