"""Which files an archive holds for the objects of a table."""

import math
import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.data.user_tables import numbers, texts
from pipeline.errors import PipelineError
from pipeline.surveys.fetch import archives
from pipeline.surveys.fetch.wanted import Candidate, Choice, Wanted
from pipeline.surveys.releases import bricks_table_paths, coadd_path, photo_z_path, sweep_name, sweep_path

# What tables of the archives call a column, in any case.
_NAMES = {
    "fiber": ("fiber", "fiberid"),
    "ra": ("ra", "target_ra", "plug_ra"),
    "dec": ("dec", "target_dec", "plug_dec"),
    "healpix": ("healpix", "hpxpixel"),
}
_VIEWER_SCALE = 0.262  # arcsec, that of the coadds


def _column(table: pd.DataFrame, name: str) -> str:
    return next((found for found in _NAMES.get(name, (name,)) if found in table.columns), name)


def _finite(table: pd.DataFrame, name: str, path: Path, low: float, high: float) -> np.ndarray:
    values = numbers(table, _column(table, name), path)
    bad = np.flatnonzero(~(np.isfinite(values) & (values >= low) & (values <= high)))
    if len(bad):
        raise PipelineError(
            f"{len(bad)} row(s) without a usable {name}",
            where=f"{path}, row {bad[0] + 1}",
            value=table[_column(table, name)].iloc[bad[0]],
            allowed=f"{low:g} to {high:g}",
        )
    return values


def _whole_numbers(table: pd.DataFrame, name: str, path: Path, low: int, high: int) -> list[int]:
    return _finite(table, name, path, low, high).astype(np.int64).tolist()


def _positions(table: pd.DataFrame, path: Path) -> tuple[np.ndarray, np.ndarray]:
    return _finite(table, "ra", path, -360, 720) % 360, _finite(table, "dec", path, -90, 90)


def _words(table: pd.DataFrame, name: str, path: Path, otherwise: Iterable[str]) -> list[str]:
    """Return a column of words that go into paths, with `otherwise` where it is empty or missing."""
    if name not in table.columns:
        return list(otherwise)
    # Whole numbers with gaps between them are read as floats: a RUN2D of 104 as 104.0.
    given = (text.removesuffix(".0") for text in texts(table, name, path))
    found = [text or other for text, other in zip(given, otherwise, strict=True)]
    for row, text in enumerate(found, 1):
        if text and not re.fullmatch(r"\w+", text):
            raise PipelineError(f"not a {name}", where=f"{path}, row {row}", value=text, allowed="letters and digits")
    return found


def _sdss_spectra(table: pd.DataFrame, choice: Choice, path: Path, digests: list[str]) -> list[Wanted]:
    plates = _whole_numbers(table, "plate", path, 1, 99999)
    mjds = _whole_numbers(table, "mjd", path, 1, 99999)
    fibers = _whole_numbers(table, "fiber", path, 1, 9999)
    known = _words(table, "run2d", path, [""] * len(table))
    placed = all(_column(table, name) in table.columns for name in ("ra", "dec"))
    ra, dec = _positions(table, path) if placed else np.full((2, len(table)), math.nan)
    out = []
    for row, (plate, mjd, fiber) in enumerate(zip(plates, mjds, fibers, strict=True)):
        run2ds = (known[row],) if known[row] else archives.run2d_candidates(plate, choice.of)
        files = [archives.sdss_spectrum(plate, mjd, fiber, run2d, full=choice.full) for run2d in run2ds]
        places = tuple(Candidate(choice.url(file), file) for file in files)
        out.append(Wanted(places, float(ra[row]), float(dec[row]), digests[row]))
    return out


def _desi_coadds(table: pd.DataFrame, choice: Choice, path: Path, _) -> list[Wanted]:
    if _column(table, "healpix") in table.columns:
        pixels = _whole_numbers(table, "healpix", path, 0, 12 * archives.DESI_NSIDE**2 - 1)
    else:
        pixels = archives.desi_pixels(*_positions(table, path)).tolist()
    survey = choice.survey or archives.DESI_SURVEYS[choice.of]
    surveys = _words(table, "survey", path, [survey] * len(table))
    programs = _words(table, "program", path, [choice.program or "dark"] * len(table))
    out = []
    for key in dict.fromkeys(zip(surveys, programs, pixels, strict=True)):
        sums = choice.url(archives.desi_checksums(choice.of, *key))
        for kind in ("coadd", "redrock"):
            file = archives.desi_file(choice.of, kind, *key)
            out.append(Wanted((Candidate(choice.url(file), file, sums),)))
    return out


def _regions(table: pd.DataFrame, choice: Choice, path: Path, ra: np.ndarray, dec: np.ndarray) -> list[str]:
    return _words(table, "region", path, archives.legacy_regions(ra, dec, choice.of).tolist())


def _legacy_files(choice: Choice, names: Iterable[str]) -> list[Wanted]:
    sums = {name: choice.url(archives.legacy_checksums(choice.of, name)) for name in dict.fromkeys(names)}
    return [Wanted((Candidate(choice.url(name), name, sums[name]),)) for name in sums]


def _legacy_sweeps(table: pd.DataFrame, choice: Choice, path: Path, _) -> list[Wanted]:
    ra, dec = _positions(table, path)
    names = []
    for region, corner in zip(
        _regions(table, choice, path, ra, dec), archives.sweep_corners(ra, dec).tolist(), strict=True
    ):
        sweep = sweep_path(region, choice.of, sweep_name(*corner))
        names += [sweep, *([photo_z_path(sweep)] if choice.photo_z else [])]
    return _legacy_files(choice, names)


def _legacy_bricks(table: pd.DataFrame, choice: Choice, path: Path, _) -> list[Wanted]:
    ra, dec = _positions(table, path)
    regions = _regions(table, choice, path, ra, dec)
    bricks = _words(table, "brickname", path, archives.brick_names(ra, dec).tolist())
    names = [bricks_table_paths(region, choice.of)[0] for region in regions]
    for region, brick in zip(regions, bricks, strict=True):
        names += [coadd_path(region, brick, "image", band) for band in choice.bands]
    return _legacy_files(choice, names)


def _legacy_cutouts(table: pd.DataFrame, choice: Choice, path: Path, _) -> list[Wanted]:
    layer = f"ls-{choice.of}"
    out = []
    for a, d in zip(*(values.tolist() for values in _positions(table, path)), strict=True):
        url = choice.url(archives.cutout_query(a, d, layer, _VIEWER_SCALE, choice.bands, choice.pixels))
        out.append(Wanted((Candidate(url, archives.cutout_file(a, d, layer)),), a, d))
    return out


MAKERS = {
    "sdss-spectra": _sdss_spectra,
    "desi-coadds": _desi_coadds,
    "legacy-sweeps": _legacy_sweeps,
    "legacy-bricks": _legacy_bricks,
    "legacy-cutouts": _legacy_cutouts,
}
