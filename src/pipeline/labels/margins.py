"""Distance from positions to HEALPix cells that belong to another set."""

import numpy as np

from pipeline.data.sky import ARCSEC, cells, unit_vectors

# Neighbours across the four edges, in the order in which astropy-healpix returns all eight (SW W NW N NE E SE S),
# and the in-cell coordinates (dx, dy) at both ends of each edge: x runs to the north-east, y to the north-west.
_ACROSS = np.array([0, 2, 4, 6])
_ENDS = np.array([[[0, 0], [0, 1]], [[0, 1], [1, 1]], [[1, 1], [1, 0]], [[1, 0], [0, 0]]], dtype=np.float64)
# Edges are 0.80 to 1.49 roots of a cell's area long, and opposite ones at least 0.67 apart (measured): what lies
# within r of an edge has an in-cell coordinate within 1.5 r / root(area) of it. Twice that also covers the edges that
# start at a corner, at 52 degrees or more.
_OFFSET = 3.0


def distance_to_other_sets(ra, dec, set_of_cell: np.ndarray, nside: int, reach_arcsec: float) -> np.ndarray:
    """Return the distance (N,) arcsec to the nearest cell of another set, infinity where it is beyond the reach.

    Edges of HEALPix cells are no great circles; the nearest point of each is sought along its true course.

    Parameters
    ----------
    ra, dec : array (N,)
        Degrees.
    set_of_cell : array (12 * nside**2,) of int
        Number of the set of each cell, nested order.
    reach_arcsec : float
        At most a quarter of a cell, so that only a cell's eight neighbours come into question.
    """
    home = cells(ra, dec, nside)
    distance = np.full(home.shape, np.inf)
    if not home.size or reach_arcsec <= 0:
        return distance
    point, cell, side = _candidates(ra, dec, home, nside, reach_arcsec)
    across = _neighbours(cell, nside)[_ACROSS[side], np.arange(len(cell))]
    own = set_of_cell[home[point]]
    parting = (set_of_cell[cell] == own) != (set_of_cell[across] == own)
    point, cell, side = point[parting], cell[parting], side[parting]
    vectors = unit_vectors(np.asarray(ra)[point], np.asarray(dec)[point])
    np.minimum.at(distance, point, _to_edges(vectors, cell, side, nside) / ARCSEC)
    distance[distance > reach_arcsec] = np.inf
    return distance


def _candidates(ra, dec, home, nside: int, reach_arcsec: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (point, cell, side) (P,) of the edges that may lie within the reach of a point."""
    import astropy_healpix
    from astropy import units as u

    lon, lat = np.asarray(ra, dtype=np.float64) * u.deg, np.asarray(dec, dtype=np.float64) * u.deg
    _, x, y = astropy_healpix.lonlat_to_healpix(lon, lat, nside, return_offsets=True, order="nested")
    offset = _OFFSET * reach_arcsec * ARCSEC * nside / np.sqrt(np.pi / 3)
    near = np.stack([x < offset, y > 1 - offset, x > 1 - offset, y < offset])  # in the order of _ENDS
    side, point = np.nonzero(near)
    corner = np.flatnonzero((near[0] | near[2]) & (near[1] | near[3]))
    around = _neighbours(home[corner], nside)
    neighbour, which = np.nonzero(around >= 0)
    beside = np.repeat(around[neighbour, which], 4)
    return (
        np.concatenate([point, np.repeat(corner[which], 4)]),
        np.concatenate([home[point], beside]),
        np.concatenate([side, np.tile(np.arange(4), len(beside) // 4)]),
    )


def _neighbours(cell: np.ndarray, nside: int) -> np.ndarray:
    """Return the eight neighbours (8, N) of cells (N,), -1 where a corner has three cells only."""
    import astropy_healpix

    with np.errstate(invalid="ignore"):  # the library warns of those corners
        return np.asarray(astropy_healpix.neighbours(cell, nside, order="nested"))


def _to_edges(points: np.ndarray, cell: np.ndarray, side: np.ndarray, nside: int) -> np.ndarray:
    """Return the distance (P,) radians of unit vectors (P, 3) from one edge each."""
    import astropy_healpix
    from astropy import units as u

    start, end = _ENDS[side, 0], _ENDS[side, 1]

    def along(t):
        place = start * (1 - t[:, None]) + end * t[:, None]
        lon, lat = astropy_healpix.healpix_to_lonlat(cell, nside, place[:, 0], place[:, 1], order="nested")
        return unit_vectors(lon.to_value(u.deg), lat.to_value(u.deg))

    def squared(t):
        return np.sum((along(t) - points) ** 2, axis=1)

    grid = np.linspace(0, 1, 9)
    t = grid[np.argmin([squared(np.full(len(cell), value)) for value in grid], axis=0)]
    step = 1e-4
    for _ in range(4):  # Newton's method on an almost straight line
        middle = np.clip(t, step, 1 - step)
        before, after = along(middle - step), along(middle + step)
        tangent = (after - before) / (2 * step)
        shift = np.sum((points - (before + after) / 2) * tangent, axis=1) / np.sum(tangent**2, axis=1)
        t = np.clip(middle + shift, 0, 1)
    return 2 * np.arcsin(np.sqrt(np.minimum(squared(t), 4)) / 2)
