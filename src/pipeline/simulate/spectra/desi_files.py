"""Files coadd-SURVEY-PROGRAM-PIXEL.fits and redrock-... of DESI: one pair a HEALPix pixel."""

import numpy as np

from pipeline.data.ids import pack_object_id
from pipeline.data.random import stream
from pipeline.graph import SPECTRA_NSIDE
from pipeline.simulate.spectra import fits_bytes, spectrographs
from pipeline.simulate.spectra.layout import number
from pipeline.simulate.spectra.pipeline_fit import Fit
from pipeline.simulate.spectra.shard import Spectrum
from pipeline.simulate.spectra.spectrographs import ARMS

SURVEY, PROGRAM = "main", "dark"
_RELEASE = 9010  # of the Legacy Surveys, in TARGETID
_SKY_BIT = 1 << 59  # TARGETID of a place without a source
_HALF = 5  # the resolution matrix has 11 diagonals
_FLUX_UNIT, _IVAR_UNIT = "10**-17 erg/(s cm2 Angstrom)", "10**+34 (s2 cm4 Angstrom2) / erg2"
_FIBERMAP = np.dtype([
    ("TARGETID", "<i8"), ("COADD_FIBERSTATUS", "<i4"), ("TARGET_RA", "<f8"), ("TARGET_DEC", "<f8"), ("FIBER", "<i4"),
    ("PETAL_LOC", "<i2"), ("OBJTYPE", "S3"), ("RELEASE", "<i2"), ("BRICKID", "<i4"), ("BRICK_OBJID", "<i4"),
    ("MORPHTYPE", "S4"), ("EBV", "<f4"), ("FLUX_R", "<f4"), ("FIBERFLUX_R", "<f4"), ("DESI_TARGET", "<i8"),
    ("COADD_NUMEXP", "<i2"), ("COADD_EXPTIME", "<f4"),
])  # fmt: skip
_SCORES = np.dtype([("TARGETID", "<i8"), *((f"MEDIAN_COADD_SNR_{arm}", "<f4") for arm in ARMS)])
_REDSHIFTS = np.dtype([
    ("TARGETID", "<i8"), ("Z", "<f8"), ("ZERR", "<f8"), ("ZWARN", "<i8"), ("CHI2", "<f8"), ("COEFF", "<f8", (10,)),
    ("NPIXELS", "<i8"), ("SPECTYPE", "S6"), ("SUBTYPE", "S20"), ("NCOEFF", "<i8"), ("DELTACHI2", "<f8"),
])  # fmt: skip
_NODATA = 1  # a bit of DESI's spectral mask


def target_id(pixel: int, row: int, sky: bool) -> int:
    """Return a TARGETID: release, brick (here the pixel's number) and object."""
    return int(pack_object_id(_RELEASE, pixel, row + 1)) | (_SKY_BIT if sky else 0)


def paths(row: dict) -> tuple[str, str]:
    """Return the paths of the coadd and of Redrock's file below the root of the tranche's spectra."""
    pixel = number(row["sources"])[1]
    folder = f"healpix/{SURVEY}/{PROGRAM}/{pixel // 100}/{pixel}"
    return f"{folder}/coadd-{SURVEY}-{PROGRAM}-{pixel}.fits", f"{folder}/redrock-{SURVEY}-{PROGRAM}-{pixel}.fits"


def _resolution(sigma: np.ndarray) -> np.ndarray:
    """Return the diagonals (11, P) float32 of a matrix whose rows are Gaussians of a sigma in pixels."""
    offset = np.arange(_HALF, -_HALF - 1, -1)[:, None]
    weight = np.exp(-0.5 * (offset / sigma) ** 2)
    return (weight / weight.sum(axis=0)).astype(np.float32)


def _arms(seed: int, row: dict, spectra: list[Spectrum]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return flux and ivar (N, pixels) of each arm.

    Where two arms overlap, each has half the weight and a noise of its own, so that their weighted mean is the
    observed spectrum again.
    """
    flux, ivar = (np.stack([getattr(one.observed, name) for one in spectra]) for name in ("flux", "ivar"))
    covered = np.zeros(flux.shape[1], dtype=int)
    for first, pixels in ARMS.values():
        covered[first : first + pixels] += 1
    twice = np.flatnonzero(covered == 2)
    rng = stream(seed, "simulate.spectra.arms", row["tranche"], row["shard"])
    own = np.zeros_like(flux)
    weight = ivar[:, twice]
    scale = np.divide(1, np.sqrt(weight), out=np.zeros_like(weight), where=weight > 0)
    own[:, twice] = scale * rng.standard_normal((len(flux), len(twice)), dtype=np.float32)
    sign, out = {"B": 1, "R": -1, "Z": 1}, {}
    for arm, (first, pixels) in ARMS.items():
        part = slice(first, first + pixels)
        out[arm] = flux[:, part] + sign[arm] * own[:, part], ivar[:, part] / covered[part].astype(np.float32)
    return out


def contents(
    seed: int, row: dict, spectra: list[Spectrum], fits: list[Fit]
) -> tuple[tuple[bytes, ...], tuple[bytes, ...]]:
    """Return the HDUs of the coadd and of Redrock's file of a pixel."""
    pixel, tool = number(row["sources"])[1], spectrographs.instrument("desi")
    ids = np.array([target_id(pixel, one.row, one.kind == "sky") for one in spectra])
    used = np.array([np.count_nonzero(one.observed.ivar) for one in spectra])
    fibermap, scores = np.zeros(len(ids), dtype=_FIBERMAP), np.zeros(len(ids), dtype=_SCORES)
    fibermap["TARGETID"] = scores["TARGETID"] = ids
    bright = np.array([10 ** (-0.4 * (one.source.mag - 22.5)) if one.source else 0.0 for one in spectra])
    for name, values in {
        "TARGET_RA": [one.ra for one in spectra], "TARGET_DEC": [one.dec for one in spectra],
        "FIBER": np.arange(len(ids)) % 5000, "PETAL_LOC": np.arange(len(ids)) % 5000 // 500,
        "OBJTYPE": ["SKY" if one.kind == "sky" else "TGT" for one in spectra], "RELEASE": _RELEASE, "BRICKID": pixel,
        "BRICK_OBJID": [one.row + 1 for one in spectra], "EBV": [one.ebv for one in spectra],
        "MORPHTYPE": ["REX" if one.kind == "galaxy" else "PSF" for one in spectra], "FLUX_R": bright,
        "FIBERFLUX_R": bright, "DESI_TARGET": [(1 << 32) if one.kind == "sky" else 4 for one in spectra],
        "COADD_NUMEXP": 4, "COADD_EXPTIME": 4000.0,
    }.items():  # fmt: skip
        fibermap[name] = values
    images = []
    for arm, (flux, ivar) in _arms(seed, row, spectra).items():
        first, pixels = ARMS[arm]
        part = slice(first, first + pixels)
        good = ivar > 0
        ratio = flux * np.sqrt(ivar)
        scores[f"MEDIAN_COADD_SNR_{arm}"] = [np.median(line[ok]) if ok.any() else 0 for line, ok in
                                             zip(ratio, good, strict=True)]  # fmt: skip
        diagonals = np.broadcast_to(_resolution(tool.sigma[part]), (len(ids), 2 * _HALF + 1, pixels))
        images += [
            fits_bytes.image(f"{arm}_WAVELENGTH", tool.window.wave[part], "Angstrom"),
            fits_bytes.image(f"{arm}_FLUX", flux, _FLUX_UNIT),
            fits_bytes.image(f"{arm}_IVAR", ivar, _IVAR_UNIT),
            fits_bytes.image(f"{arm}_MASK", np.where(good, 0, _NODATA).astype(np.uint32)),
            fits_bytes.image(f"{arm}_RESOLUTION", diagonals),
        ]
    cards = {"SPGRP": "healpix", "SPGRPVAL": pixel, "HPXPIXEL": pixel, "HPXNSIDE": SPECTRA_NSIDE, "HPXNEST": True}
    head = fits_bytes.primary({**cards, "SURVEY": SURVEY, "PROGRAM": PROGRAM})
    degrees = (("TARGET_RA", "deg"), ("TARGET_DEC", "deg"), ("EBV", "mag"), ("FLUX_R", "nanomaggy"))
    maps = fits_bytes.table("FIBERMAP", fibermap, degrees)
    redshifts = np.zeros(len(ids), dtype=_REDSHIFTS)
    for name, values in {
        "TARGETID": ids, "Z": [one.z for one in fits], "ZERR": [one.z_err for one in fits],
        "ZWARN": [one.zwarn | int(seen.kind == "sky") for one, seen in zip(fits, spectra, strict=True)],
        "CHI2": used, "NPIXELS": used, "NCOEFF": 4,
        "SPECTYPE": [one.spectype for one in fits], "DELTACHI2": [one.delta_chi2 for one in fits],
    }.items():  # fmt: skip
        redshifts[name] = values
    coadd = (head, maps, *images, fits_bytes.table("SCORES", scores))
    return coadd, (head, fits_bytes.table("REDSHIFTS", redshifts), maps)
