"""Cubes of Pan-STARRS stacks: float32 (3, N, N), planes g, r, z in nanomaggies, with an index of objects in CSV.

They are cutouts as any other (`surveys.cutouts` says how each bad input is treated), with positions and classes from
the index. No E(B-V) is known, so that it is NaN with NO_EBV.
"""

from pathlib import Path

from pipeline.settings.ingest import Ingest
from pipeline.settings.survey import PanStarrs
from pipeline.surveys.columns import BANDS
from pipeline.surveys.cutouts import Kind, open_cubes
from pipeline.surveys.doubts import Doubts
from pipeline.surveys.source import Source

# Chambers et al. 2016, arXiv 1612.05560, abstract: median seeing of the 3 pi survey.
SEEING = {"g": 1.31, "r": 1.19, "z": 1.07}


def open_panstarrs(root: Path, files: list[str], survey: PanStarrs, ingest: Ingest, doubts: Doubts) -> Source:
    """Prepare Pan-STARRS cubes; see `surveys.cutouts.open_cubes`."""
    return open_cubes(root, files, survey, Kind("panstarrs", list(BANDS), SEEING), ingest, doubts)
