"""Magnitudes, redshifts, colours, sizes and shapes of simulated galaxies and stars, from stated distributions."""

from functools import cache

import numpy as np

from pipeline.settings.simulation import Population

# Colours (redshift, g - r, r - z) of an old, a spiral and a star-forming galaxy in the bands of DECam, without dust.
# Rounded from the loci that luminous red, spiral and blue galaxies follow in the Legacy Surveys; the median lens of
# Stein et al. 2021 (photometric redshift 0.54, g - r = 1.62, r - z = 1.14) lies on the first.
_TRACKS = {
    "old": (
        (0.00, 0.70, 0.58), (0.10, 0.90, 0.68), (0.20, 1.15, 0.78), (0.30, 1.42, 0.88), (0.40, 1.63, 0.98),
        (0.50, 1.73, 1.13), (0.60, 1.76, 1.36), (0.70, 1.78, 1.60), (0.80, 1.80, 1.82), (0.90, 1.78, 1.98),
        (1.00, 1.72, 2.08), (1.50, 1.40, 2.30),
    ),
    "spiral": (
        (0.00, 0.46, 0.36), (0.10, 0.55, 0.42), (0.20, 0.70, 0.50), (0.30, 0.90, 0.57), (0.40, 1.03, 0.65),
        (0.50, 1.03, 0.80), (0.60, 1.00, 0.95), (0.80, 0.90, 1.18), (1.00, 0.80, 1.28), (1.50, 0.60, 1.20),
        (2.50, 0.40, 0.70), (4.00, 0.60, 0.40),
    ),
    "young": (
        (0.00, 0.28, 0.12), (0.20, 0.35, 0.22), (0.40, 0.48, 0.32), (0.60, 0.40, 0.48), (0.80, 0.30, 0.60),
        (1.00, 0.22, 0.66), (1.40, 0.15, 0.52), (2.00, 0.12, 0.30), (2.60, 0.25, 0.20), (3.20, 0.60, 0.15),
        (4.00, 1.20, 0.15),
    ),
}  # fmt: skip

# Per class: track and share of the redder neighbour's light, tilt of its share with magnitude, absolute z magnitude
# and scatter, log10 of the half-light radius in kpc at that magnitude, its slope with magnitude and its scatter.
_CLASSES = {
    "host": ("old", 0.00, -0.10, -23.2, 0.60, 0.84, -0.24, 0.14),
    "companion": ("old", 0.00, -0.10, -23.2, 0.60, 0.84, -0.24, 0.14),
    "early": ("old", 0.05, 0.02, -21.7, 0.80, 0.45, -0.22, 0.15),
    "disc": ("spiral", 0.15, 0.00, -21.4, 0.90, 0.74, -0.12, 0.15),
    "spiral": ("spiral", 0.05, -0.08, -22.0, 0.60, 0.92, -0.15, 0.12),
    "ring": ("spiral", 0.30, -0.04, -22.0, 0.60, 0.80, -0.15, 0.12),
    "merger": ("spiral", 0.25, -0.04, -22.0, 0.70, 0.75, -0.15, 0.14),
    "dwarf": ("young", 0.20, 0.10, -19.8, 1.00, 0.50, -0.12, 0.18),
}
CLASSES = tuple(_CLASSES)

# Shares of the fitted types DEV, EXP, REX, SER. Those of the hosts are near to what Stein et al. 2021 list for known
# lenses (425 DEV, 42 EXP, 183 REX, 965 SER).
TYPES = ("DEV", "EXP", "REX", "SER")
_TYPE_SHARES = {
    "host": (0.28, 0.05, 0.10, 0.57),
    "companion": (0.28, 0.05, 0.10, 0.57),
    "early": (0.40, 0.07, 0.25, 0.28),
    "disc": (0.00, 0.45, 0.20, 0.35),
    "spiral": (0.00, 0.40, 0.00, 0.60),
    "ring": (0.10, 0.35, 0.00, 0.55),
    "merger": (0.15, 0.30, 0.00, 0.55),
    "dwarf": (0.00, 0.32, 0.58, 0.10),
}
_SERSIC_MEAN = {"host": 4.6, "companion": 4.6, "early": 3.4}
_OLD = ("host", "companion", "early")


@cache
def _cosmology() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return redshifts, distance moduli and kpc per arcsec of a flat universe (H0 = 70 km/s/Mpc, matter 0.3)."""
    from astropy.cosmology import FlatLambdaCDM

    z = np.linspace(0.01, 4.5, 450)
    model = FlatLambdaCDM(H0=70, Om0=0.3)
    return z, model.distmod(z).value, model.kpc_proper_per_arcmin(z).value / 60


def angular_scale(redshift) -> np.ndarray:
    """Return kpc per arcsec."""
    z, _, kpc = _cosmology()
    return np.interp(redshift, z, kpc)


def redshift_of(magnitude, absolute) -> np.ndarray:
    """Return the redshift at which a galaxy of some absolute z magnitude has an apparent one.

    The K correction is 0.4 z magnitudes, between those of old and star-forming galaxies in the z band.
    """
    z, modulus, _ = _cosmology()
    return np.interp(np.asarray(magnitude) - absolute, modulus + 0.4 * z, z)


def magnitude_of(redshift, absolute) -> np.ndarray:
    """Return the apparent z magnitude; the inverse of `redshift_of`."""
    z, modulus, _ = _cosmology()
    return absolute + np.interp(redshift, z, modulus + 0.4 * z)


def colours(track: str, redshift) -> tuple[np.ndarray, np.ndarray]:
    """Return (g - r, r - z) of a track at redshifts."""
    z, gr, rz = np.array(_TRACKS[track]).T
    return np.interp(redshift, z, gr), np.interp(redshift, z, rz)


def fluxes(z_magnitude, gr, rz) -> np.ndarray:
    """Return (N, 3) fluxes in nanomaggies in g, r, z from the z magnitude and two colours."""
    r = z_magnitude + rz
    return 10 ** (-0.4 * (np.stack([r + gr, r, np.asarray(z_magnitude)], axis=-1) - 22.5))


def class_weights(population: Population, magnitude) -> np.ndarray:
    """Return (N, 8) probabilities of the classes at z magnitudes: the settings' shares, tilted with magnitude."""
    shares = population.classes.model_dump()
    tilt = 10 ** np.outer(np.asarray(magnitude) - 19.0, [_CLASSES[name][2] for name in CLASSES])
    weights = tilt * [shares[name] for name in CLASSES]
    return weights / weights.sum(axis=1, keepdims=True)


def host_share(population: Population) -> float:
    """Return the expected share of hosts among the galaxies brighter than the limit."""
    magnitude = np.linspace(BRIGHTEST, population.limit, 400)
    numbers = 10 ** (population.slope * magnitude)
    return float(np.sum(class_weights(population, magnitude)[:, 0] * numbers) / np.sum(numbers))


BRIGHTEST = 14.8  # z magnitude of the brightest galaxy
_BEYOND = 0.35  # classes are dealt to galaxies that much fainter than the limit, so that dust makes no edge


def draw_magnitudes(rng: np.random.Generator, population: Population, area: float) -> tuple[np.ndarray, np.ndarray]:
    """Return z magnitudes of the galaxies with a class, and of the fainter ones, in an area (arcmin^2)."""
    end = population.limit + _BEYOND
    bright = _power_law(rng, population.density * area, population.limit, population.slope, BRIGHTEST, end)
    # The counts are continuous where the slope changes.
    rate = population.density * population.slope * 10 ** (population.slope * _BEYOND)
    step = 10 ** (population.faint_slope * (population.faint_limit - end)) - 1
    below = rate / population.faint_slope * area
    number = rng.poisson(below * step)
    faint = end + np.log10(1 + rng.random(number) * step) / population.faint_slope
    return bright, faint


def draw_stars(rng: np.random.Generator, population: Population, area: float) -> np.ndarray:
    """Return z magnitudes (N,) of the stars in an area (arcmin^2)."""
    limits = 9.5, population.limit + 1.5
    return _power_law(rng, population.stars * area, population.limit, population.star_slope, *limits)


def _power_law(rng, number: float, limit: float, slope: float, bright: float, faint: float) -> np.ndarray:
    """Draw magnitudes in [bright, faint], of which `number` are expected to be brighter than `limit`."""
    low, high, at = 10 ** (slope * bright), 10 ** (slope * faint), 10 ** (slope * limit)
    drawn = rng.random(rng.poisson(number * (high - low) / (at - low)))
    return np.log10(low + drawn * (high - low)) / slope


def draw_galaxies(rng: np.random.Generator, names: np.ndarray, magnitude: np.ndarray) -> dict[str, np.ndarray]:
    """Draw what a galaxy's class and z magnitude leave open.

    Parameters
    ----------
    names : array (N,) of class names
    magnitude : array (N,)

    Returns
    -------
    dict
        absolute, redshift, radius (arcsec, of half the light), gr, rz, type, sersic (rounded to 0.1), e1, e2.
    """
    n = len(names)
    normal, flat = rng.standard_normal((6, n)), rng.random((4, n))
    column = {name: np.array([row[k] for row in _CLASSES.values()]) for k, name in _COLUMNS.items()}
    place = np.array([CLASSES.index(name) for name in names], dtype=int)
    absolute = column["absolute"][place] + column["scatter"][place] * normal[0].clip(-2.5, 2.5)
    redshift = redshift_of(magnitude, absolute).clip(0.02, 1.3)
    absolute = absolute - (magnitude_of(redshift, absolute) - magnitude)
    kpc = column["size"][place] + column["slope"][place] * (absolute - column["absolute"][place])
    radius = 10 ** (kpc + column["spread"][place] * normal[1].clip(-2.5, 2.5)) / angular_scale(redshift)
    gr, rz = _colours_of(place, redshift, normal[2:4], flat[0])
    shares = np.cumsum([_TYPE_SHARES[name] for name in CLASSES], axis=1)[place]
    kind = np.array(TYPES)[np.minimum((flat[1][:, None] > shares).sum(axis=1), 3)]
    old = np.isin(names, _OLD)
    mean = np.array([_SERSIC_MEAN.get(name, 1.4) for name in CLASSES])[place]
    free = np.where(old, mean + 0.9 * normal[4], mean + 0.5 * normal[4]).clip(np.where(old, 1.5, 0.6), 6.0)
    sersic = np.select([kind == "DEV", kind == "SER"], [4.0, free], 1.0).round(1)
    thickness, cosine = 0.15, flat[2]
    q = np.where(old, (0.80 + 0.13 * normal[5]).clip(0.4, 0.99), np.sqrt(thickness**2 + (1 - thickness**2) * cosine**2))
    q = np.where(np.isin(names, ["spiral", "ring"]), np.maximum(q, 0.35), q)
    modulus = np.where(kind == "REX", 0.0, (1 - q) / (1 + q))
    angle = 2 * np.pi * flat[3]
    return {
        "absolute": absolute, "redshift": redshift, "radius": radius.clip(0.15, 7.0), "gr": gr, "rz": rz,
        "type": kind, "sersic": sersic, "e1": modulus * np.cos(angle), "e2": modulus * np.sin(angle),
    }  # fmt: skip


_COLUMNS = {3: "absolute", 4: "scatter", 5: "size", 6: "slope", 7: "spread"}
# Scatter of g - r and r - z about the track, and share of galaxies that lie off it, towards the next one.
_COLOUR_SCATTER = 0.07
_OFF_TRACK = 0.18


def _colours_of(place, redshift, normal, flat) -> tuple[np.ndarray, np.ndarray]:
    """Return (g - r, r - z): the class's track mixed with its neighbour, plus scatter; some galaxies lie between."""
    tracks = {name: np.stack(colours(name, redshift)) for name in _TRACKS}
    own = np.select([place == k for k in range(len(CLASSES))], [tracks[row[0]] for row in _CLASSES.values()])
    redder = np.array([row[1] for row in _CLASSES.values()])[place]
    toward = np.where(np.isin(place, [CLASSES.index(name) for name in _OLD]), tracks["spiral"], tracks["old"])
    share = np.where(flat < _OFF_TRACK, 0.2 + 2.5 * flat, redder)
    gr, rz = own + share * (toward - own) + _COLOUR_SCATTER * normal
    return gr, rz


def draw_faint(rng: np.random.Generator, magnitude: np.ndarray) -> dict[str, np.ndarray]:
    """Draw the galaxies below the limit: small, round or exponential, mostly blue. Keys as in `draw_galaxies`."""
    n = len(magnitude)
    normal, flat = rng.standard_normal((4, n)), rng.random((4, n))
    old = flat[0] < 0.25
    redshift = np.where(old, 0.75 + 0.15 * normal[0], 0.55 + 0.3 * normal[0]).clip(0.1, 1.4)
    red, blue = colours("old", redshift), colours("young", redshift)
    mixed = [np.where(old, r, b + 0.35 * flat[1] * (r - b)) for r, b in zip(red, blue, strict=True)]
    radius = 10 ** (np.log10(0.45) - 0.06 * (magnitude - 21) + 0.2 * normal[1].clip(-2.5, 2.5))
    kind = np.where(flat[2] < 0.65, "REX", "EXP")
    modulus = np.where(kind == "REX", 0.0, np.abs(0.25 * normal[2]).clip(0, 0.6))
    angle = 2 * np.pi * flat[3]
    return {
        "absolute": magnitude - magnitude_of(redshift, 0.0), "redshift": redshift, "radius": radius.clip(0.15, 1.5),
        "gr": mixed[0] + 0.08 * normal[3], "rz": mixed[1] + 0.08 * normal[3], "type": kind,
        "sersic": np.ones(n), "e1": modulus * np.cos(angle), "e2": modulus * np.sin(angle),
    }  # fmt: skip


def draw_star_colours(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return (g - r, r - z) of n stars on the stellar locus, from F stars to M dwarfs."""
    position, normal = rng.random(n), rng.standard_normal((2, n))
    gr = np.interp(position, [0, 0.35, 0.7, 1.0], [0.25, 0.55, 1.25, 1.50])
    rz = np.interp(position, [0, 0.35, 0.7, 1.0], [0.05, 0.22, 0.75, 2.10])
    return gr + 0.05 * normal[0], rz + 0.05 * normal[1]
