"""Is the simulated survey honest? What a classifier may see that has nothing to do with lensing, and how easy it is."""

import numpy as np
import pandas as pd

from pipeline.images.photometry import aperture_mask

BANDS = ("g", "r", "z")
# What the catalogue says about the observation, not about the object.
OBSERVATION = (
    *(f"{name}_{band}" for name in ("psfsize", "psfdepth", "nobs") for band in BANDS),
    "ebv",
    "maskbits",
    "ra",
    "dec",
)
# What the catalogue says about the object.
OBJECT = (
    *(f"{name}_{band}" for name in ("flux", "flux_ivar", "fracflux") for band in BANDS),
    "shape_r",
    "shape_e1",
    "shape_e2",
    "sersic",
    "z_phot_median",
    "z_phot_std",
)
PERCENTILES = (1, 25, 75, 99)


def radii(shape: tuple[int, int], pixel_scale: float) -> np.ndarray:
    """Return the distance (H, W), arcsec, of each pixel's centre from the centre of the cutout."""
    places = [(np.arange(size) + 0.5 - size / 2) * pixel_scale for size in shape]
    return np.hypot(*np.meshgrid(*places, indexing="ij"))


def annulus_statistics(images: np.ndarray, radius: np.ndarray, inner: float, outer: float) -> dict[str, np.ndarray]:
    """Return statistics (N,) of the pixels at inner <= radius < outer (arcsec), for each band.

    Mean, standard deviation, percentiles, and the mean product of neighbouring pixels over the variance (the
    correlation of the noise), from images (N, 3, H, W).
    """
    inside = (radius >= inner) & (radius < outer)
    beside = inside[:, 1:] & inside[:, :-1]
    found = {}
    for number, band in enumerate(BANDS):
        flux = images[:, number].astype(np.float64)
        pixels = flux[:, inside]
        mean = pixels.mean(axis=1)
        variance = pixels.var(axis=1)
        label = f"{band}_{inner:g}_{outer:g}"
        found[f"mean_{label}"], found[f"deviation_{label}"] = mean, np.sqrt(variance)
        for percent, values in zip(PERCENTILES, np.percentile(pixels, PERCENTILES, axis=1), strict=True):
            found[f"percentile_{percent}_{label}"] = values
        centred = flux - mean[:, None, None]
        product = (centred[:, :, 1:] * centred[:, :, :-1])[:, beside].mean(axis=1)
        found[f"correlation_{label}"] = product / np.where(variance > 0, variance, 1.0)
    return found


def outside_features(images: np.ndarray, pixel_scale: float, inner: float, width: float) -> dict[str, np.ndarray]:
    """Return statistics of the annuli from `inner` arcsec to the border, and of the corners, of images (N, 3, H, W)."""
    radius = radii(images.shape[-2:], pixel_scale)
    border = min(images.shape[-2:]) / 2 * pixel_scale
    edges = np.append(np.arange(inner, border - width / 2, width), border) if inner < border else np.array([])
    found: dict[str, np.ndarray] = {}
    for low, high in zip(edges, edges[1:], strict=False):
        found.update(annulus_statistics(images, radius, float(low), float(high)))
    found.update(annulus_statistics(images, radius, max(float(border), inner), np.inf))
    return found


def inside_features(images: np.ndarray, pixel_scale: float, inner: float, width: float) -> dict[str, np.ndarray]:
    """Return the statistics of the annuli within `inner` arcsec of the centre of images (N, 3, H, W)."""
    radius = radii(images.shape[-2:], pixel_scale)
    edges = np.append(np.arange(0.0, inner - width / 2, width), inner)
    found: dict[str, np.ndarray] = {}
    for low, high in zip(edges, edges[1:], strict=False):
        found.update(annulus_statistics(images, radius, float(low), float(high)))
    return found


def place_features(object_id: np.ndarray, row: np.ndarray, rows: np.ndarray, catalogue: pd.DataFrame) -> dict:
    """Return what identity and file order tell: the row in its shard and the bits of the packed id, each (N,)."""
    ids = object_id.astype(np.int64)
    return {
        "row": row.astype(np.float64),
        "row_share": row / np.maximum(rows, 1),
        "objid": (ids & (2**22 - 1)).astype(np.float64),
        "brickid": (ids >> 22 & (2**20 - 1)).astype(np.float64),
        "release": (ids >> 42).astype(np.float64),
        "last_bits": (ids & 7).astype(np.float64),
        **{name: catalogue[name].to_numpy(dtype=np.float64) for name in OBSERVATION},
    }


def object_features(catalogue: pd.DataFrame) -> dict[str, np.ndarray]:
    """Return what the catalogue says about the objects, (N,) each, types as one column a class."""
    kind = catalogue["type"].astype(str).str.strip()
    types = {f"type_{name}": (kind == name).to_numpy(dtype=np.float64) for name in ("DEV", "EXP", "REX", "SER")}
    return {**{name: catalogue[name].to_numpy(dtype=np.float64) for name in OBJECT}, **types}


def aperture_colours(images: np.ndarray, pixel_scale: float, apertures: list[float]) -> dict[str, np.ndarray]:
    """Return colours g-r and r-z (mag) and their gradient outwards, within circles and rings of images (N, 3, H, W).

    A flux that is not positive counts as a thousandth of a nanomaggy, fainter than what any survey here measures.
    """
    half = min(int(np.ceil(max(apertures) / pixel_scale)) + 1, min(images.shape[-2:]) // 2)
    middle = [slice(size // 2 - half, size - size // 2 + half) for size in images.shape[-2:]]
    centre = images[:, :, middle[0], middle[1]].astype(np.float64)
    fluxes = []
    for radius in sorted(apertures):
        mask = aperture_mask(centre.shape[-2:], radius / pixel_scale)
        fluxes.append((centre * mask).sum(axis=(-2, -1)))
    rings = [fluxes[0], *(outer - inner for inner, outer in zip(fluxes, fluxes[1:], strict=False))]
    found = {}
    for radius, flux in zip(sorted(apertures), rings, strict=True):
        mag = -2.5 * np.log10(np.maximum(flux, 1e-3))
        found[f"g_r_{radius:g}"], found[f"r_z_{radius:g}"] = mag[:, 0] - mag[:, 1], mag[:, 1] - mag[:, 2]
    return found


def matrix(*features: dict[str, np.ndarray]) -> tuple[list[str], np.ndarray]:
    """Return names and a matrix (N, F) of the features that vary."""
    joined = {name: values for part in features for name, values in part.items()}
    kept = [name for name, values in joined.items() if np.nanstd(values) > 0]
    return kept, np.stack([joined[name] for name in kept], axis=1)
