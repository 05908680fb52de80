"""Coadds of DESI: three arms a target, its row of the fibre map, and Redrock's redshifts from the file beside it."""

import os
from pathlib import Path

import numpy as np

from pipeline.data.redshift_bits import bit
from pipeline.data.spectrum_ids import desi_spectrum
from pipeline.errors import PipelineError
from pipeline.spectra.coadd import coadd_arms
from pipeline.spectra.grids import grid
from pipeline.spectra.raw import RawSpectrum
from pipeline.surveys.fitsblocks import Block, read_blocks
from pipeline.surveys.repeated_targets import PRIMARY, one_row_each
from pipeline.surveys.unreadable import UnreadableFile

_PARTS = ("WAVELENGTH", "FLUX", "IVAR", "MASK")
_FIBERMAP = ("target_ra", "target_dec", "objtype", "fiber", "ebv", "mjd", "mean_mjd")


def desi_root(root: str | None) -> Path:
    """Return the folder of the reductions: the setting, or DESI_SPECTRO_REDUX where that is null.

    Raises
    ------
    PipelineError
        Neither names a folder that exists.
    """
    folder = root if root is not None else os.environ.get("DESI_SPECTRO_REDUX")
    if not folder:
        raise PipelineError(
            "no folder of DESI's reductions is named",
            where="spectra.survey.root",
            next="set spectra.survey.root or export DESI_SPECTRO_REDUX=…",
        )
    if not Path(folder).is_dir():
        raise PipelineError("the folder of DESI's reductions does not exist", where="spectra.survey.root", value=folder)
    return Path(folder)


def redrock_path(path: Path) -> Path | None:
    """Return the file of redshifts that lies beside a coadd; None where there is none."""
    beside = path.with_name(path.name.replace("coadd-", "redrock-", 1))
    return beside if path.name.startswith("coadd-") and beside.is_file() else None


def read_coadd(path: Path | str, name: str | None = None) -> list[RawSpectrum]:
    """Read the spectra of a coadd file on the 0.8 Å grid; classes and redshifts of Redrock where its file lies beside.

    Parameters
    ----------
    path : Path
        coadd-*.fits, plain or gzip.
    name : str, optional
        What `source` says before the row; the file's name by default.

    Raises
    ------
    UnreadableFile
        Missing, truncated, not FITS, not a coadd.
    """
    path = Path(path)
    wanted = ("FIBERMAP", *(f"{arm}_{part}" for arm in ("B", "R", "Z", "BRZ") for part in _PARTS))
    blocks = {block.name: block for block in read_blocks(path, lambda _, extension: extension in wanted)}
    arms = {name: _arm(blocks, name, path) for name in ("B", "R", "Z", "BRZ") if f"{name}_FLUX" in blocks}
    if not arms:
        raise UnreadableFile("not a coadd of DESI", where=path, value=sorted(blocks), allowed="B_FLUX, R_FLUX, Z_FLUX")
    if "FIBERMAP" not in blocks:
        raise UnreadableFile("the coadd has no FIBERMAP, so that its targets are not known", where=path)
    fibermap = blocks["FIBERMAP"].columns(("targetid",), _FIBERMAP)
    targetid = fibermap["targetid"].astype(np.int64)
    rows = len(targetid)
    if any(len(arm[1]) != rows for arm in arms.values()):
        raise UnreadableFile("arms and FIBERMAP differ in rows", where=path, value=rows)
    if len(np.unique(targetid)) != rows:
        raise UnreadableFile("a target stands twice: single exposures, not coadds", where=path)
    try:
        flux, ivar, mask, broken = coadd_arms(arms, where=path)
    except PipelineError as error:
        raise UnreadableFile(error.what, where=error.where, value=error.value, allowed=error.allowed) from None
    beside = redrock_path(path)
    pipeline = read_redrock(beside, targetid) if beside else {}
    wavelength, missing = grid("desi").wavelength, np.full(rows, np.nan)
    sky = fibermap.get("objtype", np.full(rows, "")) == "SKY"
    return [
        RawSpectrum(
            desi_spectrum(path.name, target),
            target,
            float(fibermap.get("target_ra", missing)[row]),
            float(fibermap.get("target_dec", missing)[row]),
            "desi",
            f"{name or path.name}:{row}",
            wavelength,
            flux[row],
            ivar[row],
            mask[row],
            {
                "targetid": target,
                "fiber": int(fibermap["fiber"][row]) if "fiber" in fibermap else -1,
                "ebv": float(fibermap.get("ebv", missing)[row]),
                **({"class_pipe": "SKY"} if sky[row] else pipeline.get(target, {})),
                "flags": (bit("SKY") if sky[row] else 0) | (bit("NAN_PIXELS") if broken[row] else 0),
            },
        )
        for row, target in enumerate(targetid.tolist())
    ]


def _arm(blocks: dict[str, Block], arm: str, path: Path) -> tuple[np.ndarray, ...]:
    missing = [f"{arm}_{part}" for part in _PARTS[:3] if f"{arm}_{part}" not in blocks]
    if missing:
        raise UnreadableFile("the coadd lacks HDUs", where=path, value=", ".join(missing))
    wavelength, flux, ivar = (blocks[f"{arm}_{part}"].image() for part in _PARTS[:3])
    mask = blocks[f"{arm}_MASK"].image() != 0 if f"{arm}_MASK" in blocks else np.zeros(flux.shape, dtype=bool)
    if not flux.shape == ivar.shape == mask.shape or flux.ndim != 2 or wavelength.shape != flux.shape[1:]:
        raise UnreadableFile("the HDUs of an arm differ in shape", where=path, value=f"{arm}: {flux.shape}")
    return wavelength.astype(np.float64), flux, ivar, mask


def read_redrock(path: Path | str, targetid: np.ndarray | None = None) -> dict[int, dict]:
    """Return the pipeline's columns by TARGETID from a file of Redrock or a zcatalog.

    Of several rows of a target, as zall files have them, that with ZCAT_PRIMARY counts.

    Parameters
    ----------
    path : Path
        redrock-*.fits (table REDSHIFTS) or zall-*.fits, ztile-*.fits (ZCATALOG).
    targetid : array (N,), int64, optional
        The targets that are asked for; all by default.

    Raises
    ------
    UnreadableFile
        Missing, truncated, not FITS, without the columns of a redshift, or with a target that stands in several rows.
    """
    blocks = read_blocks(path, lambda _, extension: extension in ("REDSHIFTS", "ZCATALOG"))
    table = next((block for block in blocks if block.data is not None), None)
    if table is None:
        raise UnreadableFile("no table of redshifts", where=path, allowed="REDSHIFTS or ZCATALOG")
    found = table.columns(("targetid", "z", "zerr", "zwarn", "spectype"), (PRIMARY,))
    asked = np.full(len(found["targetid"]), True) if targetid is None else np.isin(found["targetid"], targetid)
    rows = one_row_each(found["targetid"], np.flatnonzero(asked), found, path)
    keys = (found[key][rows].tolist() for key in ("targetid", "z", "zerr", "zwarn", "spectype"))
    return {
        target: {"z_pipe": z, "z_pipe_err": error, "zwarn_pipe": warning, "class_pipe": kind.strip()}
        for target, z, error, warning, kind in zip(*keys, strict=True)
    }
