"""A small sky: objects in clumps, known lenses among them, and the sections of settings."""

import numpy as np
import pandas as pd
import pytest

from pipeline.labels.samples import Known
from pipeline.settings.sample import Sample
from pipeline.settings.splits import Splits

RADIUS = 25.15
SHARES = {"train": 0.4, "select": 0.15, "calibrate": 0.15, "judge": 0.3}


class Sky:
    """Settings and tables of a test sky."""

    radius = RADIUS
    splits = Splits.parse({"mode": "cells", "nside": 64, "margin_arcsec": 60.0, "shares": SHARES})
    papers = Splits.parse(
        {
            "mode": "papers",
            "nside": 64,
            "margin_arcsec": 0.0,
            "shares": {"train": 0.7, "select": 0.0, "calibrate": 0.0, "judge": 0.3},
        }
    )

    def catalogue(self, n=4000, seed=0):
        """Objects spread over 20 by 20 degrees, with fluxes, passes and flags."""
        rng = np.random.default_rng(seed)
        table = pd.DataFrame(
            {
                "object_id": np.sort(rng.choice(10**9, n, replace=False)).astype(np.int64),
                "ra": rng.uniform(350, 370, n) % 360,
                "dec": rng.uniform(-10, 10, n),
                "region": rng.choice(["north", "south"], n, p=[0.3, 0.7]),
                "flags": np.zeros(n, dtype=np.int32),
                "tranche": np.ones(n, dtype=np.int16),
            }
        )
        for band in "grz":
            table[f"flux_{band}"] = (10 ** (0.4 * (22.5 - rng.triangular(16, 21.5, 21.5, n)))).astype(np.float32)
            table[f"nobs_{band}"] = rng.integers(1, 14, n).astype(np.int16)
        return table

    def known(self, catalogue, every=40, **change):
        """Every so-manieth object is a known system, in turn clear, clear, clear, unclear, not visible."""
        rows = catalogue.iloc[::every].reset_index(drop=True)
        label = np.array(["lens", "lens", "lens", "unclear", "not_visible"])[np.arange(len(rows)) % 5]
        labels = pd.DataFrame(
            {
                "object_id": rows.object_id,
                "label": label.astype(object),
                "system_id": np.arange(1, len(rows) + 1),
                "known_ra": rows.ra,
                "known_dec": rows.dec,
            }
        )
        graded = pd.DataFrame({"object_id": np.zeros(0, dtype=np.int64), "label": np.zeros(0, dtype=np.int8)})
        values = {"labels": labels, "radius_arcsec": RADIUS, "graded": graded, "confusers": {}}
        return Known(**{**values, **change})

    def sample(self, **change):
        """The section `sample`."""
        value = {
            "tranches": [1],
            "ratios": [1.0, 3.0, 10.0],
            "held_out_ratio": None,
            "regions": None,
            "magnitude": None,
            "exclude_flags": ["UNREADABLE"],
            "match_passes": None,
            "confusers": None,
            "rounds": None,
        }
        return Sample.parse({**value, **change})


@pytest.fixture(scope="session")
def sky_of_tests():
    """The settings and tables of a test sky."""
    return Sky()
