"""QuasarNET's boxes (Busca & Balland 2018, §2): a spectrum is cut into 13, and a line stands in one of them or in none.

A line's redshift follows from its box and its offset within the box. Seven heads: six emission lines, and broad
absorption beside C IV.
"""

import numpy as np

from pipeline.spectra.grids import Grid

BOXES = 13
# Wavelengths (Å) as in the published weights' code. That of H alpha is its air value: the redshift comes out right all
# the same, as targets and decoding share it; the box alone lies 0.03 % to the blue of the line.
LINES = {
    "LYA": 1215.67,
    "CIV": 1548.2049,
    "CIII": 1908.734,
    "MgII": 2796.3511,
    "Hbeta": 4862.68,
    "Halpha": 6562.8,
}
# Heads in the order of the weights; the last one looks at the same line as CIV.
BAL = len(LINES)
HEADS = (*LINES, "BAL")
REST = np.array([*LINES.values(), LINES["CIV"]])


def encode(z: np.ndarray, grid: Grid) -> tuple[np.ndarray, np.ndarray]:
    """Return the box of each head, (N, 7) int64, -1 where it lies off the grid, and the offset (N, 7) float64 in it.

    z (N,); a redshift that is NaN has no box.
    """
    # Linear between pixels in wavelength, as the published code interpolates.
    wavelength = (1 + np.asarray(z, dtype=np.float64))[:, None] * REST
    place = np.interp(wavelength, grid.wavelength, np.arange(grid.pixels, dtype=np.float64), left=-1, right=-1)
    inside = (place >= 0) & np.isfinite(wavelength)
    place = np.where(inside, place, 0.0) / grid.pixels * BOXES
    box = np.floor(place).astype(np.int64)
    return np.where(inside, box, -1), np.where(inside, place - box, 0.0)


def decode(confidence: np.ndarray, offset: np.ndarray, grid: Grid) -> tuple[np.ndarray, np.ndarray]:
    """Return the largest confidence of each head, (N, 7), and the redshift (N, 7) float64 that its box gives.

    confidence, offset (N, 7, 13). Beyond the grid the place is that of its end, as in QuasarNP.
    """
    box = confidence.argmax(axis=2)[..., None]
    best = np.take_along_axis(confidence, box, axis=2)[..., 0]
    place = (box + np.take_along_axis(offset, box, axis=2).astype(np.float64))[..., 0] / BOXES * grid.pixels
    wavelength = np.interp(place, np.arange(grid.pixels, dtype=np.float64), grid.wavelength)
    return best, wavelength / REST - 1


def is_quasar(confidence: np.ndarray, lines: int, threshold: float) -> np.ndarray:
    """Tell for confidences (N, 7) whether at least `lines` of the six emission lines exceed the threshold, (N,)."""
    return (confidence[:, :BAL] > threshold).sum(axis=1) >= lines
