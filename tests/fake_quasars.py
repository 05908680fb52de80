"""Made-up quasars for tests of redshifts: a power law and broad lines, on FNet's grid."""

import numpy as np

from pipeline.spectra.grids import GRIDS

GRID = GRIDS["fnet"]
_LINES = (
    (1033, 8, 20), (1215.7, 90, 25), (1240, 30, 25), (1400, 10, 30), (1549, 35, 25), (1908.7, 22, 30),
    (2798.8, 25, 25), (3728.5, 3, 8), (4341.7, 10, 30), (4862.7, 30, 30), (5008.2, 24, 10), (6564.6, 120, 30),
)  # fmt: skip


def quasars(z: np.ndarray, sn: float | np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return flux, ivar (N, 4618) float32 and mask (N, 4618) of quasars at z (N,) with that S/N a pixel."""
    draw = np.random.default_rng(seed)
    n = len(z)
    rest = GRID.wavelength / (1 + np.asarray(z)[:, None])
    flux = (rest / 2500) ** (-1.5 + 0.3 * draw.normal(size=(n, 1)))
    for wavelength, width, sigma in _LINES:
        strength = width / (2.5 * sigma) * np.exp(0.3 * draw.normal(size=(n, 1)))
        flux = flux * (1 + strength * np.exp(-0.5 * ((rest - wavelength) / sigma) ** 2))
    flux /= np.median(flux, axis=1, keepdims=True)
    ivar = np.broadcast_to(np.asarray(sn, dtype=float), (n,))[:, None] ** 2 * draw.uniform(0.5, 1.5, GRID.pixels)
    flux = flux + draw.normal(size=flux.shape) / np.sqrt(ivar)
    mask = draw.random(flux.shape) < 0.02
    # What lies under a mask must not matter.
    flux = np.where(mask, 1e4, flux)
    return flux.astype(np.float32), ivar.astype(np.float32), mask
