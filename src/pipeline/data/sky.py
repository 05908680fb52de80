"""Matching and grouping on the sphere, and HEALPix cells. Positions are ICRS degrees, separations arcseconds.

Everything is done with unit vectors, so that the wrap of right ascension and the poles need no care.
"""

import numpy as np

from pipeline.errors import PipelineError

ARCSEC = np.pi / 180 / 3600  # radians


def unit_vectors(ra, dec) -> np.ndarray:
    """Return (N, 3) unit vectors of positions (N,) in degrees. Raises PipelineError when one is not on the sky."""
    ra, dec = np.asarray(ra, dtype=np.float64), np.asarray(dec, dtype=np.float64)
    bad = ~(np.isfinite(ra) & (np.abs(dec) <= 90))
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise PipelineError(
            f"{int(bad.sum())} position(s) are not on the sky",
            where=f"first at row {row}",
            value=f"ra {ra.flat[row]}, dec {dec.flat[row]}",
            allowed="finite right ascension, declination in [-90, 90] degrees",
        )
    a, d = np.radians(ra), np.radians(dec)
    return np.stack([np.cos(d) * np.cos(a), np.cos(d) * np.sin(a), np.sin(d)], axis=-1)


def wrap_ra(ra) -> np.ndarray:
    """Return right ascensions in [0, 360) degrees (the remainder of -1e-20 by 360 is 360 in floating point)."""
    wrapped = np.mod(np.asarray(ra, dtype=np.float64), 360.0)
    return np.where(wrapped == 360.0, 0.0, wrapped)


def cells(ra, dec, nside: int) -> np.ndarray:
    """Return the HEALPix cells (N,) int64, nested order, that hold positions (N,) in degrees."""
    vectors = unit_vectors(ra, dec)
    if not len(vectors):
        return np.zeros(0, dtype=np.int64)
    import astropy_healpix  # here and below: half a second each, which stages that match nothing do not pay
    from astropy import units as u

    lon, lat = np.asarray(ra, dtype=np.float64) * u.deg, np.asarray(dec, dtype=np.float64) * u.deg
    return np.asarray(astropy_healpix.lonlat_to_healpix(lon, lat, nside, order="nested"), dtype=np.int64)


def match(ra1, dec1, ra2, dec2, radius_arcsec: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return all pairs within a radius: i (P,), j (P,), separation (P,) arcsec, sorted by i, separation, j."""
    first, second = unit_vectors(ra1, dec1), unit_vectors(ra2, dec2)
    if not len(first) or not len(second):
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64), np.zeros(0)
    from scipy.spatial import cKDTree

    found = cKDTree(first).sparse_distance_matrix(cKDTree(second), _chord(radius_arcsec), output_type="ndarray")
    i, j, separation = found["i"].astype(np.int64), found["j"].astype(np.int64), _angle(found["v"])
    by = np.lexsort((j, separation, i))
    return i[by], j[by], separation[by]


def nearest(ra1, dec1, ra2, dec2, radius_arcsec: float) -> tuple[np.ndarray, np.ndarray]:
    """Return for each first position the index (N,) of the nearest second one and the separation (N,) arcsec.

    Index -1 and separation NaN where none lies within the radius. Of two at the same distance the lower index wins.
    """
    i, j, separation = match(ra1, dec1, ra2, dec2, radius_arcsec)
    n = np.asarray(ra1).size
    index, distance = np.full(n, -1, dtype=np.int64), np.full(n, np.nan)
    rows, first = np.unique(i, return_index=True)  # pairs are sorted by i, then separation
    index[rows], distance[rows] = j[first], separation[first]
    return index, distance


def groups(ra, dec, radius_arcsec: float) -> np.ndarray:
    """Return the friends-of-friends group (N,) int64 of each position: chains of links within the radius.

    Groups are numbered from 0 in the order of their first member.
    """
    vectors = unit_vectors(ra, dec)
    n = len(vectors)
    if not n:
        return np.zeros(0, dtype=np.int64)
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components
    from scipy.spatial import cKDTree

    links = cKDTree(vectors).query_pairs(_chord(radius_arcsec), output_type="ndarray")
    graph = coo_array((np.ones(len(links), dtype=np.int8), (links[:, 0], links[:, 1])), shape=(n, n))
    _, label = connected_components(graph, directed=False)
    _, first, inverse = np.unique(label, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[inverse].astype(np.int64)


def _chord(radius_arcsec: float) -> float:
    """Return the length of the chord of an angle, a few units of the last place of 1 longer: the radius is within."""
    return 2 * np.sin(min(radius_arcsec * ARCSEC, np.pi) / 2) + 5e-16


def _angle(chord: np.ndarray) -> np.ndarray:
    """Return the angle (arcsec) of chords of the unit sphere."""
    return 2 * np.arcsin(np.minimum(chord, 2.0) / 2) / ARCSEC
