"""A small survey on disk in the formats of DR9: a few bricks whose pixels tell where they are."""

import copy
import shutil
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from pipeline.settings.ingest import Ingest

SCALE = 0.262
BANDS = ("g", "r", "z")


def tan_header(ra: float, dec: float, pixels: int) -> fits.Header:
    """Return the WCS of a brick as legacypipe writes it."""
    header = fits.Header()
    header["CTYPE1"], header["CTYPE2"] = "RA---TAN", "DEC--TAN"
    header["CRVAL1"], header["CRVAL2"] = ra, dec
    header["CRPIX1"] = header["CRPIX2"] = pixels / 2 + 0.5
    header["CD1_1"], header["CD1_2"], header["CD2_1"], header["CD2_2"] = -SCALE / 3600, 0.0, 0.0, SCALE / 3600
    return header


class Survey:
    """Writes files below a root; each brick's pixels are unique integers, so that a cutout tells its origin."""

    def __init__(self, root: Path, region: str = "south", release: int = 9010):
        self.root, self.region, self.release = root, region, release
        self.bricks: dict[str, tuple[int, float, float, int]] = {}
        self.images: dict[tuple[str, str], np.ndarray] = {}

    def brick(self, name: str, number: int, ra: float, dec: float, pixels: int = 400, compress: bool = True) -> None:
        self.bricks[name] = (number, ra, dec, pixels)
        folder = self.root / self.region / "coadd" / name[:3] / name
        folder.mkdir(parents=True, exist_ok=True)
        for index, band in enumerate(BANDS):
            y, x = np.mgrid[:pixels, :pixels]
            image = (number % 10 * 3 + index + 1) * 400_000 + y * 1000.0 + x
            self.images[name, band] = image.astype(np.float32)
            self.write(name, band, self.images[name, band], ra, dec, compress)
        self.write_table()

    def path(self, name: str, band: str) -> Path:
        return self.root / self.region / "coadd" / name[:3] / name / f"legacysurvey-{name}-image-{band}.fits.fz"

    def write(self, name, band, image, ra, dec, compress=True):
        header = tan_header(ra, dec, image.shape[-1])
        if compress:  # lossless, so that pixels can be compared exactly
            hdu = fits.CompImageHDU(image, header, compression_type="GZIP_2", quantize_level=0)
        else:
            hdu = fits.ImageHDU(image, header)
        fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(self.path(name, band), overwrite=True, checksum=True)

    def write_table(self) -> None:
        names = np.array(list(self.bricks), dtype="S8")
        numbers, ra, dec, _ = (np.array(values) for values in zip(*self.bricks.values(), strict=True))
        columns = [
            fits.Column("BRICKNAME", "8A", array=names),
            fits.Column("BRICKID", "J", array=numbers),
            fits.Column("RA", "D", array=ra),
            fits.Column("DEC", "D", array=dec),
        ]
        self.root.mkdir(parents=True, exist_ok=True)
        table = fits.BinTableHDU.from_columns(columns)
        fits.HDUList([fits.PrimaryHDU(), table]).writeto(self.root / "survey-bricks.fits.gz", overwrite=True)

    def pixel(self, name: str, ra, dec) -> tuple[np.ndarray, np.ndarray]:
        """Return the 0-based pixels of a position."""
        _, ra0, dec0, pixels = self.bricks[name]
        return WCS(tan_header(ra0, dec0, pixels)).all_world2pix(ra, dec, 0)

    def sky(self, name: str, x, y) -> tuple[np.ndarray, np.ndarray]:
        """Return the position of 0-based pixels of a brick, by astropy's full WCS."""
        _, ra, dec, pixels = self.bricks[name]
        return WCS(tan_header(ra, dec, pixels)).all_pix2world(x, y, 0)

    def sweep(self, rows: list[dict], name: str = "sweep-000m005-010p000", photo_z: bool = True) -> str:
        """Write a sweep; each row gives brick, objid, ra, dec and whatever differs from a plain galaxy."""
        columns = {}
        plain = {
            "release": ("I", self.release), "brickid": ("J", None), "brickname": ("8A", None), "objid": ("J", None),
            "type": ("3A", "SER"), "ra": ("D", None), "dec": ("D", None), "ebv": ("E", 0.05), "maskbits": ("I", 0),
            "sersic": ("E", 3.0), "shape_r": ("E", 1.0), "shape_e1": ("E", 0.1), "shape_e2": ("E", 0.0),
        }  # fmt: skip
        for band in BANDS:
            plain |= {
                f"flux_{band}": ("E", 20.0), f"flux_ivar_{band}": ("E", 100.0), f"psfsize_{band}": ("E", 1.2),
                f"psfdepth_{band}": ("E", 900.0), f"fracflux_{band}": ("E", 0.01), f"nobs_{band}": ("I", 5),
            }  # fmt: skip
        for row in rows:
            row.setdefault("brickname", row.get("brick"))
            row.setdefault("brickid", self.bricks[row["brick"]][0] if row.get("brick") in self.bricks else 1)
        for key, (form, default) in plain.items():
            columns[key] = fits.Column(key.upper(), form, array=np.array([row.get(key, default) for row in rows]))
        relative = f"{self.region}/sweep/9.0/{name}.fits"
        path = self.root / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        fits.BinTableHDU.from_columns(columns.values()).writeto(path, overwrite=True, checksum=True)
        if photo_z:
            self.photo_z(name, [row.get("z_phot", 0.5) for row in rows])
        return relative

    def photo_z(self, name: str, values: list[float]) -> None:
        path = self.root / self.region / "sweep" / "9.0-photo-z" / f"{name}-pz.fits"
        path.parent.mkdir(parents=True, exist_ok=True)
        columns = [
            fits.Column(key, "E", array=np.array(values, dtype=np.float32))
            for key in ("Z_PHOT_MEDIAN", "Z_PHOT_STD", "Z_SPEC")
        ]
        fits.BinTableHDU.from_columns(columns).writeto(path, overwrite=True)


SELECTION = {
    "types": ["DEV", "EXP", "REX", "SER"],
    "magnitude": {"band": "z", "bright": None, "faint": 20.0},
    "passes": None,
    "maskbits": [],
    "max_fracflux": None,
    "resolve_overlap": True,
}


def make_settings(selection: dict | None = None, **changes) -> Ingest:
    """Return settings of the ingest for 32-pixel cutouts, with changes to them and to the selection."""
    plain = {
        "selection": {**SELECTION, **(selection or {})},
        "cutout_pixels": 32,
        "photo_z": True,
        "compression": "none",
        "on_bad_object": "flag",
        "shards_per_job": 2,
    }
    return Ingest.parse({**plain, **changes})


@pytest.fixture
def settings():
    """Return `make_settings`."""
    return make_settings


@pytest.fixture
def new_survey():
    """Return the class `Survey`."""
    return Survey


@pytest.fixture(scope="session")
def two_bricks(tmp_path_factory) -> Survey:
    """Return a survey with two bricks that overlap in declination by 100 pixels, at RA 359.99."""
    one = Survey(tmp_path_factory.mktemp("survey") / "dr9")
    step = (400 - 100) * SCALE / 3600
    one.brick("3599p000", 1000, 359.99, 0.0)
    one.brick("3599p001", 1001, 359.99, step)
    return one


@pytest.fixture
def survey(tmp_path, two_bricks) -> Survey:
    """Return a copy of `two_bricks` for one test."""
    one = copy.copy(two_bricks)
    one.root = tmp_path / "dr9"
    shutil.copytree(two_bricks.root, one.root)
    return one
