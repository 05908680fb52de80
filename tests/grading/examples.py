"""A batch of six candidates."""

import numpy as np
from astropy.table import Table

from pipeline.data.flags import bit
from pipeline.settings.grading import Grading

FIRST = (1 << 60) + 7


def grading(rule=None, graders=None, **changes):
    """Settings with two people, Huang's rule."""
    return Grading.parse(
        {
            "rule": rule or {"kind": "huang"},
            "criteria": ["Blue arcs < 5 arcsec & counter-images", "Low surface brightness"],
            "mosaic": {"columns": 3, "pixels": 40, "gains": [1.0, 4.0], "jpeg_quality": 90},
            "rounds": [{"graders": graders or [{"kind": "people", "name": "xh"}, {"kind": "people", "name": "ad"}]}],
            **changes,
        }
    )


def candidates(simulated=False):
    """Seven candidates, of which the last is not in the batch."""
    n = 7
    return Table(
        {
            "object_id": FIRST + np.arange(n),
            "name": [f"DESI-01{i}.0000+02.0000" for i in range(n)],
            "ra": 10.0 + np.arange(n),
            "dec": np.full(n, 2.0),
            "stratum": ["south"] * 4 + ["north"] * 3,
            "flags": np.full(n, bit("SIMULATED") if simulated else 0, dtype=np.int32),
            "in_batch": np.arange(n) < 6,
        }
    )
