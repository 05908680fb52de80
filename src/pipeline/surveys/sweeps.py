"""Sweep and Tractor catalogues of the Legacy Surveys, DR8 and later, and their photometric redshifts.

| input | behaviour |
|---|---|
| truncated, corrupt or not a table | refused and named, under both policies: its objects cannot be known |
| a column is missing that identifies a source or places it | refused |
| another column is missing (PSFSIZE in early files) | missing values and the flag of it |
| RA or DEC not finite, declination beyond a pole | the row is left out and counted; refused under `error` |
| RA of 360 or more, or negative | the same angle in [0, 360) |
| the same release, brick and object twice | the first row is carried with DUPLICATE, others counted; `error` refuses |
| photometric redshifts of another length or other identities | refused: they would belong to other sources |
| redshift -99 | NaN |
"""

from pathlib import Path

import numpy as np

from pipeline.data.ids import pack_object_id
from pipeline.data.sky import wrap_ra
from pipeline.surveys.columns import BANDS
from pipeline.surveys.doubts import Doubts
from pipeline.surveys.fitsfiles import opened_table
from pipeline.surveys.releases import classes, regions
from pipeline.surveys.unreadable import UnreadableFile

_IDENTITY = ("release", "brickid", "brickname", "objid", "type", "ra", "dec")
_FLUXES = tuple(f"flux_{band}" for band in BANDS)
_PLAIN = ("ebv", "maskbits", *(f"{name}_{band}" for name in ("flux_ivar", "psfsize", "psfdepth", "fracflux", "nobs")
                              for band in BANDS))  # fmt: skip
_DR9_SHAPES = ("sersic", "shape_r", "shape_e1", "shape_e2")
_DR8_SHAPES = ("fracdev", *(f"shape{model}_{name}" for model in ("dev", "exp") for name in ("r", "e1", "e2")))
# Below this a redshift is a mark for a missing one; true ones are above -0.01.
_LEAST_REDSHIFT = -1.0


def read_sweep(
    path: Path, doubts: Doubts, bricks: list[str] | None = None
) -> tuple[dict[str, np.ndarray], dict[str, int]]:
    """Read a sweep or Tractor file.

    Parameters
    ----------
    path : Path
    doubts : Doubts
        Takes what is wrong with single rows.
    bricks : list of str, optional
        Keep the sources of these bricks alone.

    Returns
    -------
    columns : dict
        Catalogue columns (N,) sorted by object_id, and `row`, the row in the file.
    counts : dict
        Rows of the file, rows of the bricks, rows that belong to a neighbouring brick (Tractor's BRICK_PRIMARY).

    Raises
    ------
    UnreadableFile
        The file cannot be read or lacks a needed column.
    """
    with opened_table(path) as table:
        identity = table.read(_IDENTITY, ("brick_primary",))
        names = np.char.strip(identity["brickname"].astype(str))
        rows = np.arange(table.rows) if bricks is None else np.flatnonzero(np.isin(names, bricks))
        counts = {"file": table.rows, "bricks": len(rows), "not_primary": 0}
        if "brick_primary" in identity:
            own = identity["brick_primary"][rows].astype(bool)
            counts["not_primary"] = int((~own).sum())
            rows = rows[own]
        rows, repeated = _identified(identity, rows, doubts, path)
        more = table.read(_FLUXES, (*_PLAIN, *_DR9_SHAPES, *_DR8_SHAPES), rows)
    release = identity["release"][rows]
    columns = {
        "row": rows,
        "object_id": pack_object_id(*(identity[name][rows] for name in ("release", "brickid", "objid"))),
        "release": release,
        "region": regions(release),
        "brickid": identity["brickid"][rows],
        "brickname": names[rows].astype(object),
        "objid": identity["objid"][rows],
        "ra": wrap_ra(identity["ra"][rows]),
        "dec": identity["dec"][rows],
        "type": classes(identity["type"][rows], release),
        **{name: more[name] for name in (*_FLUXES, *_PLAIN) if name in more},
        **_shapes(more, np.char.strip(identity["type"][rows].astype(str))),
        "flags": repeated,
    }
    for band in BANDS:  # the surveys write 0 where a band was never observed
        for name in (f"psfsize_{band}", f"psfdepth_{band}"):
            if name in columns:
                columns[name] = np.where(columns[name] > 0, columns[name], np.nan).astype(np.float32)
    return columns, counts


def _identified(identity: dict, rows: np.ndarray, doubts: Doubts, path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows that can be objects, sorted by object_id, and their flags (DUPLICATE where a row came twice)."""
    placed = np.isfinite(identity["ra"][rows]) & (np.abs(identity["dec"][rows]) <= 90)
    if not placed.all():
        doubts.left_out("no position on the sky", int((~placed).sum()), where=path)
        rows = rows[placed]
    ids = pack_object_id(*(identity[name][rows] for name in ("release", "brickid", "objid")))
    order = np.argsort(ids, kind="stable")  # of equal ids, the first row of the file stays first
    rows, ids = rows[order], ids[order]
    flags = np.zeros(len(rows), dtype=np.int32)
    again = np.flatnonzero(ids[1:] == ids[:-1]) + 1
    if len(again):
        doubts.left_out("an identity that stands in an earlier row", len(again), where=path)
        repeated = np.isin(ids, ids[again])
        first = repeated & ~np.isin(np.arange(len(ids)), again)
        flags[repeated] = doubts.flag("DUPLICATE", int(first.sum()), where=path, value="rows with the same identity")
        rows, flags = np.delete(rows, again), np.delete(flags, again)
    return rows, flags


def _shapes(table: dict[str, np.ndarray], types: np.ndarray) -> dict[str, np.ndarray]:
    """Return half-light radius (arcsec), ellipticity components and Sersic index (N,); NaN where there is none.

    Files before DR9 hold a de Vaucouleurs and an exponential fit; of a composite source the one with more flux counts
    (FRACDEV is the share of the de Vaucouleurs part), and no Sersic index is known.
    """
    if "shape_r" in table:
        return {name: table[name] for name in _DR9_SHAPES if name in table}
    if "shapeexp_r" not in table or "shapedev_r" not in table:
        return {}
    share = table.get("fracdev", np.zeros(len(types)))
    de_vaucouleurs = (types == "DEV") | ((types == "COMP") & (share > 0.5))
    out = {
        f"shape_{name}": np.where(de_vaucouleurs, table[f"shapedev_{name}"], table[f"shapeexp_{name}"])
        for name in ("r", "e1", "e2")
    }
    index = {"DEV": 4.0, "EXP": 1.0, "REX": 1.0, "SIMP": 1.0}
    out["sersic"] = np.array([index.get(name, np.nan) for name in types.tolist()], dtype=np.float32)
    return out


def read_photo_z(path: Path, sweep: dict[str, np.ndarray], sweep_rows: int) -> dict[str, np.ndarray]:
    """Return z_phot_median, z_phot_std and z_spec (N,) of the sources of a sweep; missing ones are NaN.

    Parameters
    ----------
    path : Path
        File whose rows are those of the sweep.
    sweep : dict
        Result of `read_sweep`.
    sweep_rows : int
        Rows of the sweep's file.

    Raises
    ------
    UnreadableFile
        Cannot be read, or its rows are not those of the sweep.
    """
    identity = ("release", "brickid", "objid")
    rows = sweep["row"]
    with opened_table(path) as table:
        if table.rows != sweep_rows:
            raise UnreadableFile(
                "the photometric redshifts are not those of the sweep",
                where=path,
                value=f"{table.rows} rows",
                allowed=f"{sweep_rows} rows, one for each row of the sweep",
            )
        values = table.read(("z_phot_median", "z_phot_std"), ("z_spec", *identity), rows)
    for name in identity:
        if name in values and not np.array_equal(values[name], sweep[name]):
            raise UnreadableFile("the photometric redshifts name other sources than the sweep", where=path, value=name)
    out = {}
    for name in ("z_phot_median", "z_phot_std", "z_spec"):
        found = values.get(name, np.full(len(rows), np.nan))
        out[name] = np.where(found > _LEAST_REDSHIFT, found, np.nan).astype(np.float32)
    return out
