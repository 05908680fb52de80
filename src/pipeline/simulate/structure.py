"""Light that no smooth profile has: spiral arms, rings, tidal tails, bulges and second nuclei.

Arms, rings and tails are chains of small Gaussians, so that the renderer needs nothing but Gaussians.
"""

from dataclasses import dataclass

import numpy as np

from pipeline.simulate.population import fluxes

KNOTS = 16  # Gaussians in one arm or tail


@dataclass(frozen=True)
class Profiles:
    """Second profiles (P) of objects: a bulge, a merging nucleus.

    Attributes
    ----------
    owner : array (P,) int, row of the object; east, north : arcsec; radius : arcsec; sersic, e1, e2;
    flux : array (P, 3), nanomaggies in g, r, z without dust.
    """

    owner: np.ndarray
    east: np.ndarray
    north: np.ndarray
    radius: np.ndarray
    sersic: np.ndarray
    e1: np.ndarray
    e2: np.ndarray
    flux: np.ndarray


@dataclass(frozen=True)
class Blobs:
    """Round Gaussians (B) that belong to objects: owner, east, north and sigma in arcsec, flux (B, 3)."""

    owner: np.ndarray
    east: np.ndarray
    north: np.ndarray
    sigma: np.ndarray
    flux: np.ndarray


def _tilted(x, y, q, angle) -> tuple[np.ndarray, np.ndarray]:
    """Return (east, north) of a disc's plane (x along the major axis) with axis ratio q and position angle `angle`."""
    sin, cos = np.sin(angle), np.cos(angle)
    return x * sin + y * q * cos, x * cos - y * q * sin


def _lump(rng, n: int) -> np.ndarray:
    lumps = np.exp(0.5 * rng.standard_normal(n))
    return lumps / lumps.sum()


def _bluer(flux: np.ndarray, gr: float, rz: float) -> np.ndarray:
    """Return (3,) fluxes with the same z flux and colours that are bluer by the given amounts."""
    return flux * 10 ** (0.4 * np.array([gr + rz, rz, 0.0]))


def _arms(rng, flux, radius, q, angle):
    """Two or three logarithmic arms with a quarter to a half of the light."""
    share, number = rng.uniform(0.25, 0.5), int(rng.choice([2, 2, 2, 3]))
    pitch, phase, sense = np.radians(rng.uniform(12, 28)), rng.uniform(0, 2 * np.pi), rng.choice([-1, 1])
    reach = np.linspace(0.55, 2.4, KNOTS)
    parts = []
    for arm in range(number):
        turn = sense * np.log(reach / reach[0]) / np.tan(pitch) + phase + 2 * np.pi * arm / number
        east, north = _tilted(radius * reach * np.cos(turn), radius * reach * np.sin(turn), q, angle)
        weight = _lump(rng, KNOTS) * np.exp(-reach / 1.6)
        light = np.outer(share / number * weight / weight.sum(), _bluer(flux, 0.25, 0.15))
        parts.append((east, north, 0.13 * radius * np.sqrt(q) * (0.7 + 0.3 * reach), light))
    return parts


def _ring(rng, flux, radius, q, angle):
    """A blue ring around the nucleus, evenly or unevenly lit."""
    share, size = rng.uniform(0.25, 0.55), radius * rng.uniform(1.2, 1.9)
    turn = np.linspace(0, 2 * np.pi, 2 * KNOTS, endpoint=False)
    east, north = _tilted(size * np.cos(turn), size * np.sin(turn), q, angle)
    weight = _lump(rng, len(turn)) * (1 + rng.uniform(0, 0.8) * np.cos(turn - rng.uniform(0, 2 * np.pi)))
    light = np.outer(share * weight / weight.sum(), _bluer(flux, 0.5, 0.3))
    return [(east, north, np.full(len(turn), 0.11 * size), light)]


def _tail(rng, flux, radius):
    """A curved tidal tail."""
    share, start, turn = rng.uniform(0.08, 0.22), rng.uniform(0, 2 * np.pi), rng.choice([-1, 1]) * rng.uniform(0.8, 2.0)
    along = np.linspace(0, 1, KNOTS)
    reach, angle = radius * (1.0 + 2.8 * along), start + turn * along
    light = np.outer(share * _lump(rng, KNOTS), _bluer(flux, 0.15, 0.08))
    return [(reach * np.cos(angle), reach * np.sin(angle), radius * (0.22 + 0.15 * along), light)]


def dress(rng: np.random.Generator, names, east, north, drawn: dict, flux) -> tuple[np.ndarray, Profiles, Blobs]:
    """Give spirals, rings and mergers their structure.

    Parameters
    ----------
    names : array (N,) of class names
    east, north : arrays (N,), arcsec
    drawn : dict of arrays (N,) from `population.draw_galaxies`
    flux : array (N, 3), whole fluxes in nanomaggies

    Returns
    -------
    array (N, 3)
        What is left to the main profile.
    Profiles, Blobs
    """
    main, profiles, blobs = flux.copy(), [], []
    for row in np.flatnonzero(np.isin(names, ["spiral", "ring", "merger"])):
        radius, modulus = drawn["radius"][row], np.hypot(drawn["e1"][row], drawn["e2"][row])
        q, angle = (1 - modulus) / (1 + modulus), 0.5 * np.arctan2(drawn["e2"][row], drawn["e1"][row])
        if names[row] == "spiral":
            parts = _arms(rng, flux[row], radius, q, angle)
            # The bulge is old: its colours are redder than the whole's.
            bulge = rng.uniform(0.08, 0.3) * _bluer(flux[row], -0.25, -0.15)
            profiles.append((row, 0.0, 0.0, 0.3 * radius, 2.5, 0.0, 0.0, bulge))
        elif names[row] == "ring":
            parts = _ring(rng, flux[row], radius, q, angle)
        else:
            parts = _tail(rng, flux[row], radius)
            if rng.random() < 0.5:
                parts += _tail(rng, flux[row], radius)
            distance, direction = radius * rng.uniform(0.7, 2.2), rng.uniform(0, 2 * np.pi)
            second = rng.uniform(0.12, 0.4) * _bluer(flux[row], *(0.15 * rng.standard_normal(2)))
            shift = distance * np.cos(direction), distance * np.sin(direction)
            profiles.append((row, *shift, radius * rng.uniform(0.4, 0.9), 1.5, *rng.uniform(-0.3, 0.3, 2), second))
        taken = sum(light.sum(axis=0) for *_, light in parts)
        if names[row] != "ring":
            taken = taken + profiles[-1][-1]
        # A structure never takes more than 80 % of a band.
        scale = min(1.0, float(np.min(0.8 * flux[row] / taken)))
        if names[row] != "ring":
            profiles[-1] = (*profiles[-1][:-1], profiles[-1][-1] * scale)
        blobs += [(row, a, b, sigma, light * scale) for a, b, sigma, light in parts]
        main[row] = flux[row] - taken * scale
    return main, _profiles(profiles, east, north), _blobs(blobs, east, north)


def _profiles(rows: list, east, north) -> Profiles:
    owner = np.array([row[0] for row in rows], dtype=int)
    columns = np.array([row[1:-1] for row in rows], dtype=float).reshape(-1, 6).T
    flux = np.array([row[-1] for row in rows], dtype=float).reshape(-1, 3)
    return Profiles(owner, east[owner] + columns[0], north[owner] + columns[1], *columns[2:], flux)


def _blobs(rows: list, east, north) -> Blobs:
    owner = np.concatenate([np.full(len(row[1]), row[0]) for row in rows] or [np.zeros(0)]).astype(int)
    a, b, sigma = (np.concatenate([row[k] for row in rows] or [np.zeros(0)]) for k in (1, 2, 3))
    flux = np.concatenate([row[4] for row in rows] or [np.zeros((0, 3))])
    return Blobs(owner, east[owner] + a, north[owner] + b, sigma, flux)


def blue_companions(rng: np.random.Generator, east, north, redshift) -> dict[str, np.ndarray]:
    """Draw one to three star-forming galaxies close to each of N hosts; half of them lie tangentially, like arcs.

    Returns
    -------
    dict
        owner, east, north, magnitude (z), flux (C, 3), radius, e1, e2, redshift.
    """
    number = rng.choice([1, 2, 3], size=len(east), p=[0.55, 0.3, 0.15])
    owner = np.repeat(np.arange(len(east)), number)
    n = len(owner)
    distance, direction = rng.uniform(1.2, 5.0, n), rng.uniform(0, 2 * np.pi, n)
    r, gr, rz = rng.uniform(20.6, 23.2, n), rng.normal(0.35, 0.2, n), rng.normal(0.3, 0.2, n)
    modulus, spin = rng.uniform(0.05, 0.5, n), rng.uniform(0, 2 * np.pi, n)
    # Position angles run from north over east; `direction` from east over north.
    angle = np.where(rng.random(n) < 0.5, spin, 2 * -direction)
    return {
        "owner": owner, "east": east[owner] + distance * np.cos(direction),
        "north": north[owner] + distance * np.sin(direction), "magnitude": r - rz, "flux": fluxes(r - rz, gr, rz),
        "radius": rng.uniform(0.25, 0.8, n), "e1": modulus * np.cos(angle), "e2": modulus * np.sin(angle),
        "redshift": (redshift[owner] + rng.normal(0, 0.25, n)).clip(0.05, 1.5),
    }  # fmt: skip
