"""A made-up index of real spectra, and made-up redshifts beside it."""

import numpy as np
import pandas as pd

from pipeline.data.redshift_bits import bit

FLAG = bit("LOW_CONFIDENCE")
SOURCES = ["visual inspection (class_person=3, z_conf=3)", "DR16Q (picca)"]


def made_up(n=120, seed=1):
    rng = np.random.default_rng(seed)
    kind = np.where(np.arange(n) % 6 == 5, rng.choice(["STAR", "GALAXY", "SKY-FIBRE"], n), "QSO").astype(object)
    z = rng.uniform(0.3, 3.5, n)
    return pd.DataFrame(
        {
            "file": [f"spectra/{number}.fits" for number in range(n)],
            "object": [f"obj{number // 2:04d}" for number in range(n)],
            "survey": np.where(np.arange(n) % 2 == 0, "SDSS/BOSS/eBOSS", "DESI"),
            "pipe_class": kind,
            "pipe_z": 9.0,  # never a reference
            "sn_median_all": rng.uniform(0.5, 20, n),
            "best_z": np.where((kind == "QSO") & (np.arange(n) % 12 != 1), np.repeat(z[::2], 2), np.nan),
            "best_z_source": rng.choice(np.array([*SOURCES, "Guo+24", np.nan], dtype=object), n),
        }
    )


def answers(index, seed=2):
    """Each seventh redshift is wrong, every second of these flagged; skies are flagged but for the first."""
    rng = np.random.default_rng(seed)
    n = len(index)
    z = np.where(np.isfinite(index.z_reference), index.z_reference, 1.0) + 0.001 * rng.normal(size=n)
    wrong = np.arange(n) % 7 == 0
    z[wrong] += 0.5
    flagged = (np.arange(n) % 14 == 0) | (index.kind == "sky").to_numpy()
    flagged[np.flatnonzero(index.kind == "sky")[0]] = False
    found = {
        "z": z,
        "z_err": np.full(n, 0.001),
        "p_wrong": np.where(flagged, 0.8, 0.03),
        "z_second": np.full(n, np.nan),
    }
    found["zwarn"] = np.where(flagged, FLAG, bit("DISAGREE"))
    other = {f"{name}_pca": value for name, value in found.items()}
    return {**found, **other}
