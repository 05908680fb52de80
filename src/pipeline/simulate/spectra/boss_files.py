"""Files spec-PLATE-MJD-FIBER.fits of SDSS and BOSS, in the "lite" layout: COADD, and one row of the catalogue."""

import numpy as np

from pipeline.data.random import stream
from pipeline.settings.spectra.simulation import SimulatedSpectra
from pipeline.simulate.spectra import fits_bytes, spectrographs
from pipeline.simulate.spectra.layout import number
from pipeline.simulate.spectra.pipeline_fit import Fit, subclass
from pipeline.simulate.spectra.shard import Spectrum

RUN2D = {"sdss": "26", "boss": "v5_13_2"}
_COADD = np.dtype([
    ("flux", "<f4"), ("loglam", "<f4"), ("ivar", "<f4"), ("and_mask", "<i4"), ("or_mask", "<i4"), ("wdisp", "<f4"),
    ("sky", "<f4"), ("model", "<f4"),
])  # fmt: skip
_ROW = np.dtype([
    ("SURVEY", "S6"), ("INSTRUMENT", "S4"), ("CHUNK", "S16"), ("PROGRAMNAME", "S16"), ("PLATEQUALITY", "S8"),
    ("PLATE", "<i4"), ("TILE", "<i4"), ("MJD", "<i4"), ("FIBERID", "<i4"), ("RUN2D", "S7"), ("RUN1D", "S7"),
    ("OBJTYPE", "S16"), ("SOURCETYPE", "S16"), ("PLUG_RA", "<f8"), ("PLUG_DEC", "<f8"), ("CLASS", "S6"),
    ("SUBCLASS", "S21"), ("Z", "<f4"), ("Z_ERR", "<f4"), ("RCHI2", "<f4"), ("DOF", "<i4"), ("RCHI2DIFF", "<f4"),
    ("WAVEMIN", "<f4"), ("WAVEMAX", "<f4"), ("WCOVERAGE", "<f4"), ("ZWARNING", "<i4"), ("SN_MEDIAN", "<f4", (5,)),
    ("SN_MEDIAN_ALL", "<f4"), ("CLASS_NOQSO", "S6"), ("Z_NOQSO", "<f4"), ("ZWARNING_NOQSO", "<i4"),
    ("SPECTROFLUX", "<f4", (5,)), ("SPECPRIMARY", "u1"), ("THING_ID", "<i4"), ("THING_ID_TARGETING", "<i8"),
    ("SPECOBJID", "S22"), ("EXTINCTION", "<f4", (5,)), ("ANYANDMASK", "<i4"), ("ANYORMASK", "<i4"),
])  # fmt: skip
_BANDS = ((3560, 4000), (4000, 5500), (5560, 6980), (6900, 8200), (8200, 10000))  # u, g, r, i, z, Angstrom


def mjd(plate: int) -> int:
    """Return the day of a plate's observation: plates were observed in the order of their numbers."""
    return 51600 + int(1.0 * (plate - 300)) if plate < 3600 else 55200 + int(0.5 * (plate - 3600))


def thing_id(plate: int, fiber: int) -> int:
    """Return the identity of an object in SDSS's imaging, 32 bits."""
    return plate * 1000 + fiber


def specobjid(plate: int, fiber: int, day: int, run2d: str) -> int:
    """Return SPECOBJID (SDSS, "Understanding the imaging and spectroscopic identifiers"), 64 bits unsigned."""
    if run2d.startswith("v"):
        major, minor, patch = (int(word) for word in run2d[1:].split("_"))
        run2d = (major - 5) * 10000 + minor * 100 + patch
    return plate << 50 | fiber << 38 | (day - 50000) << 24 | int(run2d) << 10


def path(row: dict, fiber: int) -> str:
    """Return the path of a spectrum's file below the root of the tranche's spectra."""
    plate = number(row["sources"])[1]
    return f"spectra/lite/{plate:04d}/spec-{plate:04d}-{mjd(plate)}-{fiber:04d}.fits"


def _filled(record: np.ndarray, values: dict) -> np.ndarray:
    for name, value in values.items():
        record[name] = value
    return record


def content(settings: SimulatedSpectra, seed: int, row: dict, spectrum: Spectrum, result: Fit) -> tuple[bytes, ...]:
    """Return the HDUs of a spectrum's file."""
    tool, seen, region = spectrographs.instrument(row["region"]), spectrum.observed, row["region"]
    plate, fiber = number(row["sources"])[1], spectrum.row + 1
    coadd = _filled(np.zeros(len(seen.flux), dtype=_COADD), {
        "flux": seen.flux, "loglam": np.log10(tool.window.wave), "ivar": seen.ivar, "and_mask": seen.and_mask,
        "or_mask": seen.or_mask, "wdisp": tool.sigma, "sky": seen.sky, "model": seen.model,
    })  # fmt: skip
    wave, ratio = tool.window.wave, seen.flux * np.sqrt(seen.ivar)
    bands = [(wave > low) & (wave < high) & (seen.ivar > 0) for low, high in _BANDS]
    sn = [float(np.median(ratio[inside])) if inside.any() else 0.0 for inside in bands]
    flux = [max(float(np.mean(seen.flux[inside])), 0.0) if inside.any() else 0.0 for inside in bands]
    middle = np.array([3600.0, 4700, 6200, 7500, 8900])
    # f_lambda in 1e-17 erg/s/cm2/A -> nanomaggies.
    nanomaggies = np.array(flux) * 1e-17 * middle**2 / 2.99792458e18 / 3.6308e-29
    day, sky = mjd(plate), spectrum.kind == "sky"
    objtype = {"quasar": "QSO", "galaxy": "GALAXY", "star": "SPECTROPHOTO_STD", "sky": "SKY"}[spectrum.kind]
    identity = -1 if sky else thing_id(plate, fiber)
    rng = stream(seed, "simulate.spectra.columns", row["tranche"], row["shard"], spectrum.row)
    one = _filled(np.zeros(1, dtype=_ROW), {
        "SURVEY": region, "INSTRUMENT": "SDSS" if region == "sdss" else "BOSS", "CHUNK": "simulated",
        "PROGRAMNAME": "simulated", "PLATEQUALITY": "good", "PLATE": plate, "TILE": plate, "MJD": day,
        "FIBERID": fiber, "RUN2D": RUN2D[region], "RUN1D": RUN2D[region], "OBJTYPE": objtype, "SOURCETYPE": objtype,
        "PLUG_RA": spectrum.ra, "PLUG_DEC": spectrum.dec, "CLASS": result.spectype,
        "SUBCLASS": subclass(spectrum, result), "Z": result.z, "Z_ERR": result.z_err,
        "RCHI2": 1 + 0.05 * rng.standard_normal(), "DOF": len(coadd) - 10, "RCHI2DIFF": result.delta_chi2 / len(coadd),
        "WAVEMIN": wave[0], "WAVEMAX": wave[-1], "WCOVERAGE": np.mean(seen.ivar > 0) * len(wave) * 1e-4,
        "ZWARNING": result.zwarn | (1 if sky else 0), "SN_MEDIAN": sn, "SN_MEDIAN_ALL": seen.sn,
        "CLASS_NOQSO": "GALAXY", "Z_NOQSO": min(result.z, 1.0), "SPECTROFLUX": nanomaggies, "SPECPRIMARY": 1,
        "THING_ID": identity, "THING_ID_TARGETING": identity,
        "SPECOBJID": str(specobjid(plate, fiber, day, RUN2D[region])),
        "EXTINCTION": spectrum.ebv * np.array([5.155, 3.793, 2.751, 2.086, 1.479]),
        "ANYANDMASK": int(np.bitwise_or.reduce(seen.and_mask)), "ANYORMASK": int(np.bitwise_or.reduce(seen.or_mask)),
    })  # fmt: skip
    constant = {
        "TELESCOP": "SDSS 2.5-M", "PLATEID": plate, "MJD": day, "RUN2D": RUN2D[region],
        "COEFF0": round(float(np.log10(wave[0])), 4), "COEFF1": 1e-4, "DC-FLAG": 1, "VACUUM": True,
        "BUNIT": "1E-17 erg/cm^2/s/Ang",
    }  # fmt: skip
    head = fits_bytes.primary(constant, {"FIBERID": fiber, "PLUG_RA": spectrum.ra, "PLUG_DEC": spectrum.dec})
    return head, fits_bytes.table("COADD", coadd), fits_bytes.table("SPECOBJ" if region == "sdss" else "SPALL", one)
