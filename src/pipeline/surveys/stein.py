"""HDF5 files in the layout of Stein et al.: `images` (N, 3, H, W) in nanomaggies (g, r, z), and a dataset a column.

| input | behaviour |
|---|---|
| not HDF5, truncated, no `images`, `ra` or `dec`, images of another shape than (N, 3, H, W) | refused and named |
| a column with another number of rows than the images | refused |
| rows beyond the end of the file | refused |
| another column is missing | missing values |
| smaller than `ingest.cutout_pixels` | centred, pixels outside are 0, BAD_SHAPE; a larger one is cropped |
| a stretch of the images that cannot be read | pixels 0, UNREADABLE |
| pixels that are not finite | 0, NAN_PIXELS |
| a band without datum (all pixels 0) | MISSING_BAND |
| no position on the sky, an identity that stands in an earlier row | left out and counted |
| redshift -99 | NaN |

Under the policy `error` each flag ends the stage. The cuts of `ingest.selection` apply. `object_id` is packed from
release, brickid and objid; where a file lacks them it is the hash of the region and `inds`, the row in the survey.
"""

from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np

from pipeline.data.ids import hash_object_id, pack_object_id
from pipeline.data.sky import wrap_ra
from pipeline.settings.ingest import Ingest
from pipeline.settings.survey import Stein
from pipeline.surveys.columns import BANDS, complete
from pipeline.surveys.cubes import central
from pipeline.surveys.doubts import Doubts
from pipeline.surveys.releases import classes, regions
from pipeline.surveys.selection import select
from pipeline.surveys.source import Block, Source
from pipeline.surveys.unreadable import UnreadableFile

BLOCK = 128
_PER_BAND = ("flux", "flux_ivar", "nobs", "psfsize", "psfdepth", "fracflux")
_SINGLE = ("release", "brickid", "objid", "ebv", "maskbits", "z_phot_median", "z_phot_std", "z_spec")
_IDENTITY = ("release", "brickid", "objid")
_CODES = np.array(["DEV", "EXP", "REX", "SER"], dtype=object)  # integer codes of source_type


def open_stein(path: Path, rows: str, survey: Stein, ingest: Ingest, doubts: Doubts) -> Source:
    """Read the columns of a stretch of rows, select sources and prepare their images.

    Parameters
    ----------
    path : Path
    rows : str
        "a:b", rows a to b-1 of the file.

    Raises
    ------
    UnreadableFile
        The file does not have the layout, or not those rows.
    """
    first, last = _stretch(rows, path)
    columns, shape = _columns(path, first, last, survey)
    counts = {"file": last - first}
    placed = np.isfinite(columns["ra"]) & (np.abs(columns["dec"]) <= 90)
    if not placed.all():
        doubts.left_out("no position on the sky", int((~placed).sum()), where=path)
    _, unique = np.unique(columns["object_id"], return_index=True)
    again = placed & ~np.isin(np.arange(len(placed)), unique)
    if again.any():
        doubts.left_out("an identity that stands in an earlier row", int(again.sum()), where=path)
    keep = placed & ~again
    columns["ra"] = np.where(placed, wrap_ra(np.where(placed, columns["ra"], 0)), np.nan)
    if ingest.selection is not None:
        chosen, removed = select(
            {name: values[keep] for name, values in complete(columns, len(keep)).items()}, ingest.selection
        )
        keep[np.flatnonzero(keep)[~chosen]] = False
        counts.update(removed)
    kept = np.flatnonzero(keep)
    order = np.argsort(columns["object_id"][kept], kind="stable")
    rank = np.empty(len(kept), dtype=np.int64)
    rank[order] = np.arange(len(kept))

    def blocks() -> Iterator[Block]:
        if len(kept) and min(shape[2:]) < ingest.cutout_pixels:
            short = doubts.flag("BAD_SHAPE", len(kept), where=path, value=shape)
        else:
            short = np.int32(0)
        with h5py.File(path, "r") as file:
            for start in range(0, len(kept), BLOCK):
                part = slice(start, start + BLOCK)
                images, flags = _images(file["images"], first + kept[part], ingest.cutout_pixels, path, doubts)
                yield Block(rank[part], images, flags | short)

    sorted_columns = {name: values[kept[order]] for name, values in columns.items()}
    return Source(sorted_columns, survey.pixel_scale, blocks, counts)


def _stretch(rows: str, path: Path) -> tuple[int, int]:
    words = rows.split(":")
    if len(words) != 2 or not all(word.isdigit() for word in words) or int(words[0]) >= int(words[1]):
        raise UnreadableFile("not a stretch of rows", where=path, value=rows, allowed="a:b with a < b")
    return int(words[0]), int(words[1])


def image_shape(path: Path) -> tuple[int, int, int, int]:
    """Return the shape of `images`.

    Raises
    ------
    UnreadableFile
        The file cannot be opened or does not have the layout.
    """
    try:
        with h5py.File(path, "r") as file:
            missing = [name for name in ("images", "ra", "dec") if name not in file]
            if missing:
                raise UnreadableFile("not in the layout of Stein et al.", where=path, value=f"no {', '.join(missing)}")
            shape = file["images"].shape
    except FileNotFoundError:
        raise UnreadableFile("file not found", where=path) from None
    except OSError as error:
        raise UnreadableFile(
            "this HDF5 file is truncated or corrupt", where=path, value=str(error).splitlines()[0]
        ) from None
    if len(shape) != 4 or shape[1] != len(BANDS):
        raise UnreadableFile("images of another shape", where=path, value=shape, allowed="(N, 3, H, W)")
    return shape


def _columns(path: Path, first: int, last: int, survey: Stein) -> tuple[dict[str, np.ndarray], tuple]:
    shape = image_shape(path)
    if last > shape[0]:
        raise UnreadableFile("the file has fewer rows than are asked for", where=path, value=shape[0], allowed=last)
    try:
        with h5py.File(path, "r") as file:
            wanted = ("ra", "dec", "inds", "source_type", "labels", *_SINGLE, *_PER_BAND)
            wrong = [name for name in wanted if name in file and file[name].shape[:1] != shape[:1]]
            if wrong:
                raise UnreadableFile("columns with another number of rows than the images", where=path, value=wrong)
            table = {name: file[name][first:last] for name in wanted if name in file}
    except OSError as error:
        raise UnreadableFile("columns cannot be read", where=path, value=str(error).splitlines()[0]) from None
    count = last - first
    columns = {name: table[name] for name in ("ra", "dec", *_SINGLE) if name in table}
    for name in _PER_BAND:
        for index, band in enumerate(BANDS if name in table else ()):
            columns[f"{name}_{band}"] = table[name][:, index]
    for name in ("z_phot_median", "z_phot_std", "z_spec"):
        if name in columns:
            columns[name] = np.where(columns[name] > -1, columns[name], np.nan)
    release = table.get("release", np.full(count, 9010))
    columns["region"] = regions(table["release"]) if "release" in table else np.full(count, survey.region, dtype=object)
    if "source_type" in table:
        columns["type"] = _types(table["source_type"], release)
    if "labels" in table:
        columns["known_class"] = np.array([str(value) for value in table["labels"].tolist()], dtype=object)
    if all(name in table for name in _IDENTITY):
        columns["object_id"] = pack_object_id(*(table[name] for name in _IDENTITY))
    elif "inds" in table:
        columns["object_id"] = hash_object_id(f"stein/{survey.region}/{index}" for index in table["inds"].tolist())
    else:
        raise UnreadableFile("no identities", where=path, allowed="release, brickid and objid, or inds")
    return columns, shape


def _types(values: np.ndarray, release: np.ndarray) -> np.ndarray:
    """Return the classes (N,) of source_type, which is text or an integer code."""
    if values.dtype.kind in "iu":
        known = (values >= 0) & (values < len(_CODES))
        return np.where(known, _CODES[np.where(known, values, 0)], "")
    text = [value.decode() if isinstance(value, bytes) else str(value) for value in values.tolist()]
    return classes(np.array(text), release)


def _images(dataset, rows: np.ndarray, pixels: int, path: Path, doubts: Doubts) -> tuple[np.ndarray, np.ndarray]:
    """Return images (n, 3, pixels, pixels) float32 and flags (n,) of rising rows of the file."""
    out = np.zeros((len(rows), len(BANDS), pixels, pixels), dtype=np.float32)
    flags = np.zeros(len(rows), dtype=np.int32)
    try:
        slab = dataset[rows[0] : rows[-1] + 1][rows - rows[0]]
    except OSError as error:
        value = str(error).splitlines()[0]
        flags |= doubts.flag("UNREADABLE", len(rows), where=f"{path} rows {rows[0]} to {rows[-1]}", value=value)
        return out, flags
    for index, image in enumerate(slab):
        out[index] = [central(plane, pixels) for plane in image.astype(np.float32, copy=False)]
    bad = ~np.isfinite(out)
    masks = {"NAN_PIXELS": bad.any(axis=(1, 2, 3))}
    out[bad] = 0
    masks["MISSING_BAND"] = ~out.any(axis=(2, 3)).all(axis=1)
    for name, mask in masks.items():
        if mask.any():
            flags[mask] |= doubts.flag(name, int(mask.sum()), where=path, value=f"rows {rows[0]} to {rows[-1]}")
    return out, flags
