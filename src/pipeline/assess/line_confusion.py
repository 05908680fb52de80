"""Which line was taken for which: wrong redshifts that would be right if another line stood there."""

import numpy as np

from pipeline.data.velocity import SPEED_OF_LIGHT
from pipeline.spectra import lines

# Lines strong enough to be taken for one another (vacuum, Å); of [O II] the middle, of [O III] the stronger one.
LINES = {
    "Lya": lines.LYA,
    "SiIV": lines.SIIV,
    "CIV": lines.CIV,
    "CIII]": lines.CIII,
    "MgII": lines.MGII,
    "[OII]": sum(lines.OII) / 2,
    "Hbeta": lines.HBETA,
    "[OIII]": lines.OIII[1],
    "Halpha": lines.HALPHA,
}
NONE = ""


def name(z: np.ndarray, z_reference: np.ndarray, limit_km_s: float, wave_min, wave_max) -> np.ndarray:
    """Return for wrong redshifts (N,) "MgII as Lya" where Mg II, at the reference, stands where Ly alpha would be at z.

    The line taken has to lie between wave_min and wave_max (Å, (N,)). Of several pairs the nearest one counts; "" where
    none lies within the limit, or a redshift is missing.
    """
    rest = np.array(list(LINES.values()))
    z, z_reference = np.asarray(z, dtype=np.float64), np.asarray(z_reference, dtype=np.float64)
    observed = rest * (1 + z_reference[:, None])
    seen = (observed > np.asarray(wave_min)[:, None]) & (observed < np.asarray(wave_max)[:, None])
    # [spectrum, true line, line it was taken for]
    expected = (rest * (1 + z[:, None]))[:, None, :]
    distance = SPEED_OF_LIGHT * np.abs(expected / observed[:, :, None] - 1)
    distance[~seen] = np.inf
    distance[:, np.arange(len(rest)), np.arange(len(rest))] = np.inf
    distance = np.where(np.isnan(distance), np.inf, distance).reshape(len(z), len(rest) ** 2)
    best = distance.argmin(axis=1)
    names = list(LINES)
    pairs = np.array([f"{true} as {taken}" for true in names for taken in names], dtype=object)
    return np.where(distance.min(axis=1) < limit_km_s, pairs[best], NONE)


def table(z: np.ndarray, z_reference: np.ndarray, limit_km_s: float, wave_min, wave_max) -> dict:
    """Return how often each confusion explains a wrong redshift (N,), and how many would by chance.

    Returns
    -------
    dict
        `wrong`, `explained`, `by_chance` (each redshift beside the reference of the next spectrum instead of its own,
        on average over up to 20 such shifts), `pairs`: counts by name, the most frequent first.
    """
    found = name(z, z_reference, limit_km_s, wave_min, wave_max)
    shifts = range(1, min(len(found), 21))
    chance = [(name(np.roll(z, shift), z_reference, limit_km_s, wave_min, wave_max) != NONE).sum() for shift in shifts]
    names, counts = np.unique(found[found != NONE].astype(str), return_counts=True)
    order = np.lexsort((names, -counts))
    return {
        "wrong": len(found),
        "explained": int((found != NONE).sum()),
        "by_chance": float(np.mean(chance)) if chance else None,
        "pairs": {str(names[at]): int(counts[at]) for at in order},
    }
