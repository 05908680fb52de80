"""Spectra of SDSS, BOSS and eBOSS: spec files (lite and full) and spPlate files.

The data model is that of SDSS DR8 and later. Wavelengths are vacuum and heliocentric, fluxes 1e-17 erg/s/cm2/Å.
"""

import re
from pathlib import Path

import numpy as np

from pipeline.data.redshift_bits import bit
from pipeline.data.spectrum_ids import pack_sdss, sdss_object
from pipeline.spectra.raw import RawSpectrum, cleaned
from pipeline.surveys.fitsblocks import Block, read_blocks
from pipeline.surveys.unreadable import UnreadableFile

# Plates from 3510 on were observed with the spectrographs of BOSS.
FIRST_BOSS_PLATE = 3510
# Bits of SPPIXMASK that spoil a pixel though its ivar is not 0: NOSKY, BRIGHTSKY, NODATA. The survey's own redshifts
# leave out BRIGHTSKY too (idlspec2d, skymask).
_BAD_PIXEL = 1 << 22 | 1 << 23 | 1 << 24
SPEC_NAME = re.compile(r"spec-(\d{4,5})-(\d{5})-(\d{3,4})\.fits(\.gz)?$")
PLATE_NAME = re.compile(r"spPlate-(\d{4,5})-(\d{5})\.fits(\.gz)?$")

_RESULTS = (
    "class", "z", "z_err", "zwarning", "objtype", "sourcetype", "thing_id", "instrument", "plug_ra", "plug_dec", "ra",
    "dec", "plate", "mjd", "fiberid", "class_person", "z_person", "z_conf_person",
)  # fmt: skip


def known_of_name(name: str) -> dict:
    """Return what the name of a spec file tells: fields of `RawSpectrum`; nothing for other names."""
    found = SPEC_NAME.search(name)
    if not found:
        return {}
    plate, mjd, fiber = (int(word) for word in found.groups()[:3])
    return {
        "spectrum_id": pack_sdss(plate, mjd, fiber),
        "object_id": sdss_object(0, plate, mjd, fiber),
        "survey": _spectrograph(plate),
        "columns": {"plate": plate, "mjd": mjd, "fiber": fiber},
    }


def _spectrograph(plate: int) -> str:
    return "boss" if plate >= FIRST_BOSS_PLATE else "sdss"


def _in_vacuum(primary: Block) -> None:
    if primary.cards.get("VACUUM") is False:
        raise UnreadableFile("wavelengths are in air", where=primary.where, allowed="vacuum (card VACUUM = T)")


def read_spec(path: Path | str, name: str | None = None) -> RawSpectrum:
    """Read one spec file, plain or gzip, lite or full (whose single exposures are passed over).

    Parameters
    ----------
    path : Path
    name : str, optional
        What `source` says; the file's name by default.

    Raises
    ------
    UnreadableFile
        Missing, truncated, not FITS, or without the columns of a spectrum.
    """
    path = Path(path)
    blocks = read_blocks(path, lambda number, _: number in (1, 2))
    if len(blocks) < 3:
        raise UnreadableFile("not a spec file", where=path, value=f"{len(blocks)} HDUs", allowed="COADD and SPECOBJ")
    _in_vacuum(blocks[0])
    coadd = blocks[1].columns(("flux", "loglam", "ivar"), ("and_mask",))
    results = {key: values[0] for key, values in blocks[2].columns(("class", "z"), _RESULTS).items()}
    wavelength = _ascending(coadd["loglam"].astype(np.float64), path)
    bad = coadd["and_mask"] & _BAD_PIXEL != 0 if "and_mask" in coadd else np.zeros(len(wavelength), dtype=bool)
    identity = known_of_name(path.name).get("columns", {})
    plate, mjd, fiber = (
        int(results.get(key, identity.get(key.removesuffix("id"), -1))) for key in ("plate", "mjd", "fiberid")
    )
    if min(plate, mjd, fiber) < 0:
        raise UnreadableFile("plate, MJD and fibre are not known", where=path)
    ra, dec = (
        float(results.get(f"plug_{axis}", results.get(axis, blocks[0].cards.get(f"PLUG_{axis.upper()}", np.nan))))
        for axis in ("ra", "dec")
    )
    return _spectrum(
        (wavelength, coadd["flux"], coadd["ivar"], bad),
        (plate, mjd, fiber),
        (ra, dec),
        int(results.get("thing_id", 0)),
        name or path.name,
        _pipeline(results),
        str(results.get("instrument", "")).lower(),
    )


def _ascending(loglam: np.ndarray, path: Path) -> np.ndarray:
    if len(loglam) < 2 or not np.isfinite(loglam).all() or (np.diff(loglam) <= 0).any():
        raise UnreadableFile("the wavelengths are not ascending", where=path, value=f"{len(loglam)} pixels")
    return 10**loglam


def _pipeline(results: dict) -> dict:
    """Return the pipeline's columns of one row; a sky fibre's class and redshift mean nothing and are left out."""
    warning = int(results.get("zwarning", 0))
    if "SKY" in (results.get("objtype"), results.get("sourcetype")) or warning & bit("SKY"):
        return {"class_pipe": "SKY", "zwarn_pipe": warning, "flags": bit("SKY")}
    unplugged = warning & bit("UNPLUGGED")
    return {
        "class_pipe": str(results["class"]),
        "z_pipe": float(results["z"]),
        "z_pipe_err": float(results.get("z_err", np.nan)),
        "zwarn_pipe": warning,
        **({"flags": unplugged} if unplugged else {}),
    }


def _spectrum(pixels, numbers, position, thing_id, source, columns, instrument="") -> RawSpectrum:
    wavelength, flux, ivar, bad = pixels
    flux, ivar, mask, broken = cleaned(flux, ivar, bad)
    flags = columns.get("flags", 0) | (bit("NAN_PIXELS") if broken else 0)
    plate, mjd, fiber = numbers
    return RawSpectrum(
        pack_sdss(plate, mjd, fiber),
        sdss_object(thing_id, plate, mjd, fiber),
        *position,
        instrument if instrument in ("sdss", "boss") else _spectrograph(plate),
        source,
        wavelength,
        flux,
        ivar,
        mask,
        {**columns, "plate": plate, "mjd": mjd, "fiber": fiber, "flags": flags},
    )


def read_spplate(path: Path | str, name: str | None = None) -> list[RawSpectrum]:
    """Read the spectra of one plate, fibre by fibre; classes and redshifts from the spZbest file beside it, if any.

    HDUs in order: flux, ivar, and-mask, or-mask, dispersion, plugmap, sky (data model of spPlate).

    Raises
    ------
    UnreadableFile
        Missing, truncated, not FITS, or not the HDUs of a spPlate file.
    """
    path = Path(path)
    blocks = read_blocks(path, lambda number, _: number in (0, 1, 2, 5))
    cards = blocks[0].cards
    if len(blocks) < 6 or not all(key in cards for key in ("COEFF0", "COEFF1", "PLATEID", "MJD")):
        raise UnreadableFile("not an spPlate file", where=path, allowed="COEFF0, COEFF1, PLATEID, MJD and six HDUs")
    _in_vacuum(blocks[0])
    flux, ivar, and_mask = (block.image() for block in blocks[:3])
    plugmap = blocks[5].columns(("fiberid", "ra", "dec"), ("objtype",))
    if flux.ndim != 2 or not flux.shape == ivar.shape == and_mask.shape or len(plugmap["fiberid"]) != len(flux):
        raise UnreadableFile("the HDUs differ in shape", where=path, value=f"{flux.shape}, {ivar.shape}")
    loglam = cards["COEFF0"] + cards["COEFF1"] * np.arange(flux.shape[1])
    wavelength, plate, mjd = _ascending(loglam, path), int(cards["PLATEID"]), int(cards["MJD"])
    results = _zbest(path, plugmap)
    return [
        _spectrum(
            (wavelength, flux[row], ivar[row], and_mask[row] & _BAD_PIXEL != 0),
            (plate, mjd, int(fiber)),
            (float(plugmap["ra"][row]), float(plugmap["dec"][row])),
            int(results[row].get("thing_id", 0)),
            f"{name or path.name}:{row}",
            _pipeline(results[row]) if "class" in results[row] else _sky_only(results[row]),
        )
        for row, fiber in enumerate(plugmap["fiberid"].tolist())
    ]


def _sky_only(result: dict) -> dict:
    return {"class_pipe": "SKY", "flags": bit("SKY")} if result.get("objtype") == "SKY" else {}


def _zbest(path: Path, plugmap: dict) -> list[dict]:
    """Return for each row of the plugmap what spZbest says of that fibre, with the plugmap's OBJTYPE."""
    rows = [{"objtype": str(kind)} for kind in plugmap.get("objtype", np.full(len(plugmap["fiberid"]), "")).tolist()]
    for beside in zbest_paths(path)[:1]:
        table = read_blocks(beside, lambda number, _: number == 1)[1].columns(("fiberid", "class", "z"), _RESULTS)
        place = {fiber: row for row, fiber in enumerate(table["fiberid"].tolist())}
        for row, fiber in zip(rows, plugmap["fiberid"].tolist(), strict=True):
            if fiber in place:
                found = {key: values[place[fiber]] for key, values in table.items()}
                row.update({key: value for key, value in found.items() if key != "objtype"})
    return rows


def zbest_paths(path: Path) -> list[Path]:
    """Return the files with the redshifts of a plate: beside it, or in a folder named like the reduction."""
    if not path.name.startswith("spPlate"):
        return []
    name = path.name.replace("spPlate", "spZbest")
    beside = path.with_name(name)
    return [*([beside] if beside.is_file() else []), *sorted(path.parent.glob(f"*/{name}"))]
