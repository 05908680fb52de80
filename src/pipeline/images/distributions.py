"""Lognormal distributions of what a survey's images differ in: noise, PSF width, extinction."""

from dataclasses import asdict, dataclass

import numpy as np

from pipeline.errors import PipelineError


@dataclass(frozen=True)
class Lognormal:
    """A lognormal distribution between two bounds, with the parameters of `scipy.stats.lognorm` (Stein B3)."""

    shape: float
    loc: float
    scale: float
    low: float
    high: float

    def draw(self, uniform: np.ndarray) -> np.ndarray:
        """Return one draw for each number in [0, 1), by inversion, so that the bounds hold without rejection."""
        from scipy.special import ndtr, ndtri  # a quarter of a second, which stages that draw nothing do not pay

        first, last = ndtr(self._normal(self.low)), ndtr(self._normal(self.high))
        normal = ndtri(first + np.asarray(uniform) * (last - first))
        return np.clip(self.loc + self.scale * np.exp(self.shape * normal), self.low, self.high)

    def median(self) -> float:
        """Return the median of the bounded distribution."""
        return float(self.draw(np.array([0.5]))[0])

    def _normal(self, value: float) -> float:
        """Return the standard normal deviate of a value."""
        return float(np.log(max(value - self.loc, 1e-300) / self.scale) / self.shape)


@dataclass(frozen=True)
class Distributions:
    """What augmentations are drawn from; None where an augmentation is off.

    `noise`: standard deviation in one pixel, nanomaggies; `psf`: Gaussian sigma in pixels of `pixel_scale` arcsec; both
    for g, r, z. `extinction`: E(B-V) in magnitudes.
    """

    noise: tuple[Lognormal, ...] | None
    psf: tuple[Lognormal, ...] | None
    extinction: Lognormal | None
    pixel_scale: float

    def plain(self) -> dict:
        """Return JSON-ready values."""
        return asdict(self)

    @classmethod
    def parse(cls, value: dict, where="augmentation.json") -> "Distributions":
        """Read what `plain` returned.

        Raises
        ------
        PipelineError
            A key is missing or unknown.
        """
        try:
            extinction = value["extinction"]
            return cls(
                *(value[key] and tuple(Lognormal(**band) for band in value[key]) for key in ("noise", "psf")),
                extinction and Lognormal(**extinction),
                float(value["pixel_scale"]),
            )
        except (KeyError, TypeError) as error:
            raise PipelineError(
                "not a file of fitted distributions", where=where, value=error, next="remove it and run snakemake"
            ) from None


# Table 2 of Stein et al. 2021. The bounds are the range of their uniform draws (PSF and noise) and E(B-V) up to 1.
PAPER_NOISE = (
    Lognormal(0.2264926, -0.0006735, 0.0037602, 0.001094, 0.013),
    Lognormal(0.2431146, -0.0023663, 0.0067417, 0.001094, 0.018),
    Lognormal(0.1334844, -0.0143416, 0.0260779, 0.001094, 0.061),
)
PAPER_PSF = (
    Lognormal(0.2109966, 1.0807153, 1.3153171, 1.3233109, 5.0),
    Lognormal(0.3008485, 1.2394326, 0.9164757, 1.2667341, 4.5),
    Lognormal(0.3471172, 1.1928363, 0.8233702, 1.2126263, 4.25),
)
PAPER_EXTINCTION = Lognormal(0.67306, 0.001146, 0.03338, 0.001146, 1.0)
# Pixels of the Legacy Surveys' coadds, in which Table 2 gives the PSF.
PAPER_PIXEL_SCALE = 0.262
