"""Under which conditions a brick was observed: seeing, noise, exposures, dust. Pure functions of settings and seed."""

from dataclasses import dataclass

import numpy as np

from pipeline.data.random import stream
from pipeline.images.extinction import COEFFICIENTS
from pipeline.images.noise import noise_equivalent_area
from pipeline.settings.simulation import Lognormal, Region, Sky
from pipeline.simulate.profiles import FWHM_PER_SIGMA, PIXEL_SCALE, psf_mixture

BANDS = ("g", "r", "z")
RELEASES = {"south": 9010, "north": 9011}


@dataclass(frozen=True)
class Passes:
    """Exposures of one band: `base` plus steps at the edges of detectors, along columns and rows."""

    base: int
    columns: np.ndarray
    rows: np.ndarray

    def at(self, x, y) -> np.ndarray:
        """Return the number of exposures at pixels (N,)."""
        last = len(self.columns) - 1
        x, y = (np.rint(value).astype(int).clip(0, last) for value in (x, y))
        return np.maximum(self.base + self.columns[x] + self.rows[y], 1)

    def image(self) -> np.ndarray:
        """Return the number of exposures of every pixel, (rows, columns) float32."""
        columns, rows = self.columns.astype(np.float32), self.rows.astype(np.float32)
        image = columns + np.float32(self.base) + rows[:, None]
        return np.maximum(image, 1, out=image)


@dataclass(frozen=True)
class Conditions:
    """Conditions of one brick in one region; arrays have one entry a band.

    Attributes
    ----------
    psf_sigma : (3,) pixels, Gaussian with the PSF's noise-equivalent area
    noise : (3,) nanomaggies, standard deviation of a pixel's noise where a band has `passes.base` exposures
    sky : (3,) nanomaggies per pixel
    passes : three `Passes`
    """

    region: str
    psf_sigma: np.ndarray
    noise: np.ndarray
    sky: np.ndarray
    colour_term: np.ndarray
    passes: tuple[Passes, ...]

    @property
    def psfsize(self) -> np.ndarray:
        """Width of the PSF (3,), FWHM in arcsec."""
        return self.psf_sigma * FWHM_PER_SIGMA * PIXEL_SCALE

    def noise_at(self, x, y) -> np.ndarray:
        """Return the noise of the sky (N, 3), nanomaggies, at pixels."""
        passes = self.passes_at(x, y)
        return self.noise * np.sqrt([band.base for band in self.passes] / passes)

    def passes_at(self, x, y) -> np.ndarray:
        """Return the exposures (N, 3) at pixels."""
        return np.stack([band.at(x, y) for band in self.passes], axis=-1)

    def depth_at(self, x, y) -> np.ndarray:
        """Return the inverse variance (N, 3) of a point source's flux, nanomaggies^-2."""
        return 1 / (self.noise_at(x, y) ** 2 * noise_equivalent_area(self.psfsize, PIXEL_SCALE))

    def psf(self, band: int) -> tuple[np.ndarray, np.ndarray]:
        """Return weights and variances (pixels^2) of the Gaussians of a band's PSF."""
        weights, sigmas = psf_mixture(BANDS[band])
        return weights, (sigmas * self.psf_sigma[band]) ** 2

    def filtered(self, flux: np.ndarray) -> np.ndarray:
        """Return southern fluxes (..., 3) as this region's bands measure them (zero stays zero)."""
        g, r = np.maximum(flux[..., 0], 1e-9), np.maximum(flux[..., 1], 1e-9)
        colour = (-2.5 * np.log10(g / r)).clip(-0.5, 2.5)
        return flux * 10 ** (-0.4 * colour[..., None] * self.colour_term)


def draw_lognormal(settings: Lognormal, normal) -> np.ndarray:
    """Return lognormal draws for standard normal ones (scipy's convention), clipped to the settings' range."""
    return (np.exp(settings.shape * np.asarray(normal)) * settings.scale + settings.loc).clip(
        settings.low, settings.high
    )


def conditions(region: str, settings: Region, pixels: int, seed: int, brick: int) -> Conditions:
    """Return the conditions of a brick (its number) with images of `pixels` rows and columns."""
    rng = stream(seed, "simulate.conditions", region, brick)
    bands = [getattr(settings, name) for name in BANDS]
    # Seeing and noise of the three bands are drawn apart: they are exposed at different times.
    normal = rng.standard_normal((2, 3))
    passes = []
    for _ in bands:
        base = int(np.clip(rng.poisson(settings.passes - 2), 0, 12)) + 2
        steps = []
        for _ in range(2):
            edges, jumps = rng.integers(0, pixels, 2), rng.choice([-1, 0, 1], 2, p=[0.3, 0.45, 0.25])
            steps.append((np.arange(pixels) >= edges[:, None]).astype(int).T @ jumps)
        passes.append(Passes(base, *steps))
    return Conditions(
        region=region,
        psf_sigma=np.array([draw_lognormal(band.psf, x) for band, x in zip(bands, normal[0], strict=True)]),
        noise=np.array([draw_lognormal(band.noise, x) for band, x in zip(bands, normal[1], strict=True)]),
        sky=np.array([band.sky for band in bands]),
        colour_term=np.array([band.colour_term for band in bands]),
        passes=tuple(passes),
    )


@dataclass(frozen=True)
class Dust:
    """E(B-V) over a field: a plane, the same for both regions."""

    centre: float
    gradient: np.ndarray  # per arcsec, east and north

    def ebv(self, east, north) -> np.ndarray:
        """Return E(B-V) at offsets in arcsec."""
        return np.maximum(self.centre + self.gradient[0] * np.asarray(east) + self.gradient[1] * np.asarray(north), 0)


def dust(sky: Sky, seed: int, ra0: int, dec0: int, field: int) -> Dust:
    """Return the dust before a field of an area."""
    normal = stream(seed, "simulate.dust", ra0, dec0, field).standard_normal(3)
    centre = float(draw_lognormal(sky.ebv, normal[0]))
    # A tenth of the mean over 300 arcsec.
    return Dust(centre, 0.1 * centre / 300 * normal[1:].clip(-2, 2))


def transmission(ebv) -> np.ndarray:
    """Return the share of light (N, 3) that dust lets through in g, r, z."""
    return 10 ** (-0.4 * np.asarray(ebv)[..., None] * np.array([COEFFICIENTS[band] for band in BANDS]))
