"""Magnitudes, fluxes, apertures."""

import numpy as np
import pytest

from pipeline.images.photometry import aperture_flux, aperture_mask, fluxes, magnitudes


def test_magnitudes_and_back():
    assert magnitudes(np.array([1.0, 100.0, 0.01])) == pytest.approx([22.5, 17.5, 27.5])
    assert np.isnan(magnitudes(np.array([0.0, -1.0, np.nan]))).all()
    assert fluxes(magnitudes(np.array([3.2]))) == pytest.approx([3.2])


@pytest.mark.parametrize("shape", [(40, 40), (41, 41)])
def test_aperture_is_a_centred_circle(shape):
    mask = aperture_mask(shape, 8.0)
    assert mask.sum() == pytest.approx(np.pi * 64, rel=2e-3)
    assert (mask == mask[::-1]).all() and (mask == mask.T).all()
    y, x = (np.indices(shape).T - (np.array(shape) - 1) / 2).T
    gaussian = np.exp(-(x**2 + y**2) / 2 / 4**2)
    images = np.stack([gaussian, 2 * gaussian])[None]
    # The part of a Gaussian within 2 sigma is 1 - exp(-2).
    assert aperture_flux(images, 8.0) == pytest.approx(2 * np.pi * 16 * (1 - np.exp(-2)) * np.array([[1, 2]]), rel=5e-3)
