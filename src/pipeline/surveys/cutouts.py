"""FITS cutouts, one file an object: as the Legacy Surveys viewer serves them, or cubes of another survey.

A file holds a cube (3, N, N) in nanomaggies, or planes in HDUs of their own with BAND and IMAGETYP (image, invvar).
Planes are told by BANDS ("grz") or BAND0, BAND1, ...; without either they are in the order of the settings.

Nothing else is known of the objects, so noise, PSF width and magnitudes are measured (`surveys.measure`) and flagged
MEASURED_NOISE, MEASURED_PSF and APERTURE_MAG; type, passes and shape are missing. `object_id` is the hash of the kind
of survey and the file's path below the root. The cuts of `ingest.selection` do not apply: the folder is the selection.

| input | behaviour |
|---|---|
| a file that is missing, truncated or not FITS | pixels 0, UNREADABLE, if a table has its position; else left out |
| no position in table or header | left out and counted |
| neither a cube nor planes with BAND, or another number of planes than bands | pixels 0, BAD_SHAPE |
| a pixel scale more than 1 % from `survey.pixel_scale` | pixels 0, BAD_SHAPE |
| smaller than `ingest.cutout_pixels` | centred, pixels outside are 0, BAD_SHAPE; a larger one is cropped |
| a plane is missing or has no datum (all pixels 0 or NaN) | pixels 0 in that band, MISSING_BAND |
| pixels that are not finite | 0, NAN_PIXELS |
| two files at the same position (within 1 arcsec) | both carried, the later one in order of file names with DUPLICATE |
| the same file twice in one shard | refused by the collision check of the identities |

Rows left out, and each flag but the three of measuring, end the stage under the policy `error`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.data.flags import bit
from pipeline.data.ids import hash_object_id
from pipeline.data.sky import match, wrap_ra
from pipeline.errors import PipelineError
from pipeline.images.noise import psf_depth
from pipeline.settings.ingest import Ingest
from pipeline.settings.survey import Cutouts, PanStarrs
from pipeline.surveys.columns import BANDS
from pipeline.surveys.cubes import BadShape, Cube, central, position, read_cube
from pipeline.surveys.doubts import Doubts
from pipeline.surveys.fitsfiles import opened
from pipeline.surveys.measure import aperture, background, psf_width
from pipeline.surveys.source import Block, Source
from pipeline.surveys.unreadable import UnreadableFile

BLOCK = 64
SAME_PLACE = 1.0  # arcsec
MEASURED = bit("MEASURED_NOISE") | bit("MEASURED_PSF") | bit("APERTURE_MAG")


@dataclass(frozen=True)
class Kind:
    """What differs between surveys of cutouts.

    Attributes
    ----------
    name : str
        Enters the identities.
    bands : list of str
        Order of the planes where a header names none.
    seeing : mapping
        Typical FWHM (arcsec) of each band: where a cutout shows the PSF in some bands only, the others get theirs in
        these proportions.
    """

    name: str
    bands: list[str]
    seeing: Mapping[str, float]


# Huang et al. 2021, section 2: median delivered image quality of DECaLS.
VIEWER_SEEING = {"g": 1.29, "r": 1.18, "z": 1.11}


def matching_files(root: Path, text: str) -> list[str]:
    """Return the paths below root, sorted, that a comma-separated list of names and patterns stands for.

    A name without wildcard is returned whether or not the file exists.
    """
    names: list[str] = []
    for word in text.split(","):
        if set(word) & set("*?["):
            names += [path.relative_to(root).as_posix() for path in root.glob(word) if path.is_file()]
        else:
            names.append(word)
    return sorted(names)


def open_cutouts(root: Path, files: list[str], survey: Cutouts, ingest: Ingest, doubts: Doubts) -> Source:
    """Prepare cutouts as the viewer of the Legacy Surveys serves them; see `open_cubes`."""
    return open_cubes(root, files, survey, Kind("cutouts", list(survey.bands), VIEWER_SEEING), ingest, doubts)


def open_cubes(
    root: Path, files: list[str], survey: Cutouts | PanStarrs, kind: Kind, ingest: Ingest, doubts: Doubts
) -> Source:
    """Find identity and position of each file and prepare the images.

    Parameters
    ----------
    root : Path
    files : list of str
        Paths below root.

    Raises
    ------
    PipelineError
        The table cannot be read, lacks a column or names a file twice; two files have the same identity.
    """
    known = read_table(root, survey)
    ra, dec, classes, ebv = _known_of_files(root, files, known, survey.class_column)
    placed = np.isfinite(ra) & (np.abs(dec) <= 90)
    if not placed.all():
        where = ", ".join(np.array(files)[~placed][:5])
        doubts.left_out("no position in the table or the header", int((~placed).sum()), where=where)
    names = np.array(files, dtype=object)[placed]
    ids = hash_object_id(f"{kind.name}/{name}" for name in names)
    if len(set(ids.tolist())) != len(ids):
        raise PipelineError("a file stands twice in one shard", where=root, next="skysieve index CONFIG")
    order = np.argsort(ids)
    names = names[order]
    columns = {
        "object_id": ids[order],
        "ra": wrap_ra(ra[placed][order]),
        "dec": dec[placed][order],
        "region": np.full(len(names), getattr(survey, "region", ""), dtype=object),
        "ebv": ebv[placed][order],
        "known_class": classes[placed][order],
        "flags": np.zeros(len(names), dtype=np.int32),
    }
    later = _repeated(columns["ra"], columns["dec"], names)
    if later.any():
        where = ", ".join(sorted(names[later])[:5])
        columns["flags"][later] |= doubts.flag("DUPLICATE", int(later.sum()), where=where, value="same position")

    def blocks() -> Iterator[Block]:
        for start in range(0, len(names), BLOCK):
            part = names[start : start + BLOCK]
            made = [_object(root / name, survey, kind, ingest.cutout_pixels, doubts) for name in part]
            measured = {key: np.array([one[2][key] for one in made]) for key in made[0][2]}
            images, flags = np.stack([one[0] for one in made]), np.array([one[1] for one in made], dtype=np.int32)
            yield Block(np.arange(start, start + len(part)), images, flags, measured)

    return Source(columns, survey.pixel_scale, blocks, {"file": len(files)})


def read_table(root: Path, survey: Cutouts | PanStarrs) -> pd.DataFrame | None:
    """Return the table of a folder by file name, or None where the settings name none."""
    if survey.table is None:
        return None
    path = root / survey.table
    try:
        table = pd.read_csv(path, dtype={"file": str})
    except FileNotFoundError:
        raise PipelineError("the table of the cutouts does not exist", where=path) from None
    except (ValueError, pd.errors.ParserError) as error:
        raise PipelineError("the table of the cutouts cannot be read as CSV", where=path, value=error) from None
    needed = {"file", "ra", "dec"} | ({survey.class_column} if survey.class_column else set())
    missing = sorted(needed - set(table.columns))
    if missing:
        raise PipelineError("the table of the cutouts lacks columns", where=path, value=missing)
    if table["file"].duplicated().any():
        twice = table["file"][table["file"].duplicated()].iloc[0]
        raise PipelineError("the table of the cutouts names a file twice", where=path, value=twice)
    return table.set_index("file")


def _known_of_files(root: Path, files: list[str], table: pd.DataFrame | None, class_column: str | None):
    """Return ra, dec (N,) degrees, NaN where unknown, class (N,) text and E(B-V) (N,) of files."""
    ra, dec, ebv = (np.full(len(files), np.nan) for _ in range(3))
    classes = np.full(len(files), "", dtype=object)
    for row, name in enumerate(files):
        if table is not None and name in table.index:
            entry = table.loc[name]
            ra[row], dec[row] = entry["ra"], entry["dec"]
            if class_column is not None and not pd.isna(entry[class_column]):
                classes[row] = str(entry[class_column])
            ebv[row] = entry.get("ebv", np.nan)
        if not np.isfinite(ra[row]):
            try:
                with opened(root / name) as hdus:
                    ra[row], dec[row] = position(hdus)
            except UnreadableFile:
                continue  # without a position it is left out by the caller, which counts it
    return ra, dec, classes, ebv


def _repeated(ra: np.ndarray, dec: np.ndarray, names: np.ndarray) -> np.ndarray:
    """Return which objects (N,) bool lie at the place of one whose file name comes first."""
    i, j, _ = match(ra, dec, ra, dec, SAME_PLACE)
    later = np.zeros(len(names), dtype=bool)
    later[[a for a, b in zip(i.tolist(), j.tolist(), strict=True) if names[b] < names[a]]] = True
    return later


def _object(path: Path, survey: Cutouts | PanStarrs, kind: Kind, pixels: int, doubts: Doubts):
    """Return image (3, pixels, pixels), flags and measured columns of one file."""
    blank = np.zeros((len(BANDS), pixels, pixels), dtype=np.float32)
    empty = {f"{name}_{band}": np.nan for name in ("flux", "flux_ivar", "psfsize", "psfdepth") for band in BANDS}
    try:
        cube = read_cube(path, kind.bands, survey.pixel_scale)
    except UnreadableFile as error:
        return blank, doubts.flag("UNREADABLE", 1, where=path, value=error.value or error.what), empty
    except BadShape as error:
        return blank, doubts.flag("BAD_SHAPE", 1, where=path, value=str(error)), empty
    flags, planes = np.int32(0), {}
    for index, band in enumerate(BANDS):
        plane = cube.planes.get(band)
        cut = None if plane is None else central(plane, pixels)
        if cut is None or not (np.isfinite(cut) & (cut != 0)).any():
            flags |= doubts.flag("MISSING_BAND", 1, where=path, value=band)
            continue
        if min(plane.shape) < pixels and not flags & bit("BAD_SHAPE"):
            flags |= doubts.flag("BAD_SHAPE", 1, where=path, value=plane.shape)
        if not np.isfinite(cut).all() and not flags & bit("NAN_PIXELS"):
            flags |= doubts.flag("NAN_PIXELS", 1, where=path, value=f"band {band}")
        blank[index] = np.where(np.isfinite(cut), cut, 0)
        planes[band] = plane
    measured, how = _measured(planes, cube, survey, kind)
    return blank, flags | how, {**empty, **measured}


def _measured(planes: dict[str, np.ndarray], cube: Cube, survey: Cutouts | PanStarrs, kind: Kind):
    """Return fluxes, widths and depths measured on the planes of one object, and the flags that say so."""
    out: dict[str, float] = {}
    noise, width = {}, {}
    flags = np.int32(bit("APERTURE_MAG")) if planes else np.int32(0)
    for band, plane in planes.items():
        level, sigma = background(plane)
        width[band] = psf_width(plane, level, sigma, survey.pixel_scale)
        out[f"flux_{band}"], out[f"flux_ivar_{band}"] = aperture(
            plane, sigma, survey.aperture_radius / survey.pixel_scale
        )
        given = cube.pixel_noise.get(band)
        noise[band] = sigma if given is None else given
        if given is None and np.isfinite(sigma):
            flags |= np.int32(bit("MEASURED_NOISE"))
    seen = [width[band] / kind.seeing[band] for band in width if np.isfinite(width[band])]
    if seen:
        flags |= np.int32(bit("MEASURED_PSF"))
        for band in planes:
            size = width[band] if np.isfinite(width[band]) else float(np.mean(seen)) * kind.seeing[band]
            out[f"psfsize_{band}"] = size
            if noise[band] > 0:
                out[f"psfdepth_{band}"] = float(psf_depth(noise[band], size, survey.pixel_scale))
    return out, flags
