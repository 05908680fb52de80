"""Made-up spectra for tests of redshift networks: Gaussian lines on a flat continuum with noise; no astrophysics."""

import numpy as np

from pipeline.learn.redshift.labels import Labels
from pipeline.spectra.grids import grid

# Enough lines that at least two are seen at any redshift from 0.3 to 3.5.
REST = np.array([1215.67, 1548.2049, 1908.734, 2796.3511, 4862.68, 6562.8])
STRENGTH = np.array([6.0, 4.0, 3.0, 3.0, 3.0, 5.0])


def spectra(n, *, name="quasarnet", quasars=0.75, noise=0.5, z=(0.3, 3.5), seed=0):
    """Return flux, ivar, mask (n, P) on a named grid and Labels; the last (1 - quasars) of the rows are skies."""
    draw = np.random.default_rng(seed)
    wavelength = grid(name).wavelength
    redshift = np.expm1(draw.uniform(np.log1p(z[0]), np.log1p(z[1]), n))
    kind = np.where(np.arange(n) < quasars * n, 0, 3)
    observed = REST * (1 + redshift[:, None])
    lines = np.exp(-0.5 * ((wavelength - observed[..., None]) / (0.006 * observed[..., None])) ** 2)
    flux = (kind == 0)[:, None] * (1.0 + (STRENGTH[:, None] * lines).sum(axis=1))
    flux = flux + draw.normal(0, noise, flux.shape)
    ivar = np.full(flux.shape, 1 / noise**2)
    ids = draw.permutation(10**6)[:n].astype(np.int64)
    labels = Labels(ids, kind, np.where(kind == 0, redshift, np.nan), np.where(kind == 0, -1, 0), np.ones(n))
    return flux.astype(np.float32), ivar.astype(np.float32), np.zeros(flux.shape, dtype=bool), labels
