"""Colours of the Legacy Surveys viewer (Lupton et al. 2004, with the viewer's constants for g, r, z)."""

import numpy as np

# Weight of each band (g blue, r green, z red), sky level and softening of the viewer's grz images, DR2 to DR9.
SCALES = (6.0, 3.4, 2.2)
SKY = 0.03
SOFTENING = 20.0
# The viewer's stand-in for an intensity of zero, where the colour is undefined.
DARK = 1e-6


def viewer_rgb(images, arcsinh=np.arcsinh):
    """Return images as the viewer colours them.

    The mean over bands of the weighted flux, I, is compressed to f(I) = asinh(Q I) / sqrt(Q), and each band keeps its
    share of it: (x s + m) f(I) / I, clipped to [0, 1].

    Parameters
    ----------
    images : array (..., 3, H, W)
        Fluxes in nanomaggies, bands g, r, z. A numpy array or a torch tensor.
    arcsinh : callable
        The function of the array's library.

    Returns
    -------
    array (..., 3, H, W)
        Red (z), green (r), blue (g).
    """
    out = images * 0
    for channel, band in enumerate((2, 1, 0)):
        out[..., channel, :, :] = images[..., band, :, :] * SCALES[band] + SKY
    intensity = sum(out[..., channel, :, :].clip(min=0) for channel in range(3)) / 3
    ratio = arcsinh(SOFTENING * intensity) / SOFTENING**0.5
    ratio /= intensity + DARK * (intensity == 0)
    out *= ratio[..., None, :, :]
    return out.clip(0, 1)


def rgb_bytes(image: np.ndarray) -> np.ndarray:
    """Return one image (3, H, W), nanomaggies in g, r, z, as (H, W, 3) uint8 in viewer colours, north up as stored."""
    return np.moveaxis(np.round(viewer_rgb(np.asarray(image, dtype=np.float64)) * 255).astype(np.uint8), -3, -1)
