"""Small files of spectra in the surveys' formats, written with astropy, for tests of their readers."""

from pathlib import Path

import numpy as np
from astropy.io import fits

ARMS = {"B": (0, 2751), "R": (2700, 5026), "Z": (4900, 7781)}  # pixels of the 0.8 Å grid


def pixels(count: int, seed: int, shape=()) -> tuple[np.ndarray, np.ndarray]:
    """Return flux and ivar (*shape, count) float32."""
    generator = np.random.default_rng(seed)
    size = (*shape, count)
    return generator.normal(2, 1, size).astype("f4"), generator.uniform(0.2, 2, size).astype("f4")


def table(columns: dict, name: str | None = None) -> fits.BinTableHDU:
    """Return a table HDU from name -> (TFORM, values)."""
    made = [fits.Column(key, form, array=np.asarray(values)) for key, (form, values) in columns.items()]
    return fits.BinTableHDU.from_columns(made, name=name)


def write_spec(
    path: Path, plate=3655, mjd=55240, fiber=2, *, first=35500, count=4600, results=None, upper=False, **changes
) -> dict[str, np.ndarray]:
    """Write a spec-lite file; `changes` replace columns of the coadd, `results` those of the second table."""
    flux, ivar = pixels(count, fiber)
    loglam = (1e-4 * (first + np.arange(count))).astype("f4")
    coadd = {
        "flux": ("E", flux), "loglam": ("E", loglam), "ivar": ("E", ivar), "and_mask": ("J", np.zeros(count, "i4")),
        "or_mask": ("J", np.zeros(count, "i4")), "wdisp": ("E", np.ones(count)), "sky": ("E", np.ones(count)),
    }  # fmt: skip
    coadd.update({key: (coadd[key][0], values) for key, values in changes.items()})
    row = {
        "PLATE": ("J", [plate]), "MJD": ("J", [mjd]), "FIBERID": ("J", [fiber]), "OBJTYPE": ("16A", ["QSO"]),
        "CLASS": ("6A", ["QSO"]), "SUBCLASS": ("21A", ["BROADLINE"]), "Z": ("E", [2.25]), "Z_ERR": ("E", [0.001]),
        "ZWARNING": ("J", [0]), "PLUG_RA": ("D", [150.25]), "PLUG_DEC": ("D", [2.5]), "THING_ID": ("J", [77]),
        "THETA": ("10E", [np.arange(10.0)]), "EMPTY": ("0A", [""]), "GOOD": ("L", [True]),
    }  # fmt: skip
    row.update(results or {})
    named = {key.upper() if upper else key: value for key, value in coadd.items()}
    hdus = [fits.PrimaryHDU(), table(named, "COADD"), table(row, "SPECOBJ"), table({"LINEZ": ("E", [0.1] * 30)})]
    path.parent.mkdir(parents=True, exist_ok=True)
    fits.HDUList(hdus).writeto(path, overwrite=True, checksum=True)
    return {key: np.asarray(values) for key, (_, values) in coadd.items()}


def write_spplate(path: Path, plate=3655, mjd=55240, fibers=3, zbest=True) -> tuple[np.ndarray, np.ndarray]:
    """Write an spPlate file, whose second fibre is a sky, and its spZbest file."""
    flux, ivar = pixels(4600, 9, (fibers,))
    ivar[0, 10] = 0
    bad = np.zeros((fibers, 4600), "i4")
    bad[0, 20] = 1 << 23
    number = np.arange(1, fibers + 1)
    kinds = np.array(["QSO", "SKY", "GALAXY"] * fibers)[:fibers]
    plug = {
        "FIBERID": ("J", number),
        "RA": ("D", 10.0 + number),
        "DEC": ("D", -1.0 * number),
        "OBJTYPE": ("16A", kinds),
    }
    primary = fits.PrimaryHDU(flux)
    for key, value in {"COEFF0": 3.55, "COEFF1": 1e-4, "PLATEID": plate, "MJD": mjd, "VACUUM": True}.items():
        primary.header[key] = value
    images = [fits.ImageHDU(ivar), fits.ImageHDU(bad), fits.ImageHDU(bad), fits.ImageHDU(np.ones_like(flux))]
    path.parent.mkdir(parents=True, exist_ok=True)
    fits.HDUList([primary, *images, table(plug), fits.ImageHDU(flux)]).writeto(path, overwrite=True)
    if zbest:
        found = {
            "FIBERID": ("J", number), "CLASS": ("6A", ["QSO"] * fibers), "Z": ("E", 0.5 * number),
            "Z_ERR": ("E", 0.01 * number), "ZWARNING": ("J", np.where(kinds == "SKY", 1, 4)),
            "THING_ID": ("J", 100 * number),
        }  # fmt: skip
        name = path.name.replace("spPlate", "spZbest")
        fits.HDUList([fits.PrimaryHDU(), table(found)]).writeto(path.with_name(name), overwrite=True)
    return flux, ivar


def write_coadd(path: Path, targets=(39627001, 39627002, 39627003), redrock=True, checksum=True) -> dict:
    """Write a coadd of DESI, whose last target is a sky, and its redrock file; return the arms."""
    rows = len(targets)
    kinds = ["TGT"] * (rows - 1) + ["SKY"]
    fibermap = {
        "TARGETID": ("K", targets), "TARGET_RA": ("D", 20.0 + np.arange(rows)), "TARGET_DEC": ("D", [1.5] * rows),
        "OBJTYPE": ("3A", kinds), "FIBER": ("J", 100 + np.arange(rows)), "EBV": ("E", [0.03] * rows),
    }  # fmt: skip
    hdus, arms = [fits.PrimaryHDU(), table(fibermap, "FIBERMAP")], {}
    for seed, (arm, (first, last)) in enumerate(ARMS.items()):
        flux, ivar = pixels(last - first, seed, (rows,))
        mask = np.zeros((rows, last - first), dtype=np.uint32)
        mask[0, 100] = 1
        wavelength = 3600 + 0.8 * np.arange(first, last)
        arms[arm] = (wavelength, flux, ivar, mask != 0)
        resolution = np.ones((rows, 11, last - first), "f4")
        parts = {"WAVELENGTH": wavelength, "FLUX": flux, "IVAR": ivar, "MASK": mask, "RESOLUTION": resolution}
        hdus += [fits.ImageHDU(values, name=f"{arm}_{part}") for part, values in parts.items()]
    path.parent.mkdir(parents=True, exist_ok=True)
    fits.HDUList(hdus).writeto(path, overwrite=True, checksum=checksum)
    if redrock:
        found = {
            "TARGETID": ("K", targets[::-1]), "Z": ("D", np.arange(rows)[::-1] + 0.5), "ZERR": ("D", [1e-4] * rows),
            "ZWARN": ("K", [4] * rows), "SPECTYPE": ("6A", ["QSO"] * rows), "DELTACHI2": ("D", [50.0] * rows),
        }  # fmt: skip
        name = path.name.replace("coadd-", "redrock-")
        fits.HDUList([fits.PrimaryHDU(), table(found, "REDSHIFTS")]).writeto(path.with_name(name), overwrite=True)
    return arms


def write_quasars(path: Path, rows: list[dict]) -> None:
    """Write a table like DR16Q; a row has any of its columns, the rest is as for an object without them."""
    plain = {
        "PLATE": ("J", -1), "MJD": ("J", -1), "FIBERID": ("I", -1), "CLASS_PERSON": ("J", 0), "Z_VI": ("D", -1.0),
        "Z_CONF": ("I", -1), "IS_QSO_DR12Q": ("I", 0), "BAL_PROB": ("E", -1.0), "BI_CIV": ("D", -1.0),
        "Z_QN": ("D", -1.0), "Z_PCA": ("D", -1.0), "Z_PIPE": ("D", -1.0), "EXTINCTION": ("5E", np.zeros(5)),
    }  # fmt: skip
    if any("TARGETID" in row for row in rows):
        plain["TARGETID"] = ("K", 0)
    made = {key: (form, np.array([row.get(key, value) for row in rows])) for key, (form, value) in plain.items()}
    fits.HDUList([fits.PrimaryHDU(), table(made)]).writeto(path, overwrite=True)
