"""Ingest beside reading the same bricks once with astropy.io.fits and writing the same bytes.

`python benchmarks/ingest_rate.py [--json FILE]`
"""

import argparse
import json
import os
import platform
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
from astropy.io import fits

from pipeline.settings.ingest import Ingest
from pipeline.surveys.doubts import Doubts
from pipeline.surveys.legacy import open_legacy
from pipeline.surveys.writing import write_source

SCALE = 0.262
GOAL = 0.7
BANDS = ("g", "r", "z")


def _brick(path: Path, ra: float, dec: float, pixels: int, seed: int) -> None:
    """Write a band of a brick with the compression of the Legacy Surveys: RICE, quantised to 1/16 of the noise."""
    header = fits.Header()
    header["CTYPE1"], header["CTYPE2"], header["CRVAL1"], header["CRVAL2"] = "RA---TAN", "DEC--TAN", ra, dec
    header["CRPIX1"] = header["CRPIX2"] = pixels / 2 + 0.5
    header["CD1_1"], header["CD1_2"], header["CD2_1"], header["CD2_2"] = -SCALE / 3600, 0.0, 0.0, SCALE / 3600
    image = np.random.default_rng(seed).normal(0, 0.005, (pixels, pixels)).astype(np.float32)
    how = {"compression_type": "RICE_1", "tile_shape": (100, 100), "quantize_level": 16, "quantize_method": 2}
    hdu = fits.CompImageHDU(image, header, dither_seed=1, **how)
    path.parent.mkdir(parents=True, exist_ok=True)
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(path, checksum=True)


def _survey(root: Path, bricks: int, pixels: int, sources: int) -> str:
    """Write bricks in a row and a sweep with `sources` galaxies a brick; return the path of the sweep."""
    rng, rows = np.random.default_rng(1), {}
    for number in range(bricks):
        ra, name = 10 + number * 0.25, f"{100 + number * 2:04d}p000"
        for index, band in enumerate(BANDS):
            path = root / "south" / "coadd" / name[:3] / name / f"legacysurvey-{name}-image-{band}.fits.fz"
            _brick(path, ra, 0.0, pixels, 3 * number + index)
        half = pixels * SCALE / 3600 / 2 - 0.006
        values = {
            "RELEASE": np.full(sources, 9010), "BRICKID": np.full(sources, 1000 + number),
            "BRICKNAME": np.full(sources, name), "OBJID": np.arange(sources), "TYPE": np.full(sources, "SER"),
            "RA": ra + rng.uniform(-half, half, sources), "DEC": rng.uniform(-half, half, sources),
            **{f"FLUX_{band.upper()}": np.full(sources, 20.0) for band in BANDS},
        }  # fmt: skip
        for key, value in values.items():
            rows.setdefault(key, []).append(value)
    formats = {"RELEASE": "I", "BRICKID": "J", "OBJID": "J", "BRICKNAME": "8A", "TYPE": "3A", "RA": "D", "DEC": "D"}
    columns = [fits.Column(key, formats.get(key, "E"), array=np.concatenate(value)) for key, value in rows.items()]
    sweep = "south/sweep/9.0/sweep-010m005-020p000.fits"
    (root / sweep).parent.mkdir(parents=True)
    fits.BinTableHDU.from_columns(columns).writeto(root / sweep)
    return sweep


def _flushed(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _ours(root: Path, sweep: str, ingest: Ingest, out: Path) -> int:
    source = open_legacy(root, "south", "dr9", sweep, None, ingest, Doubts("flag"))
    write_source(
        source, out / "ours.h5", out / "ours.parquet", pixels=ingest.cutout_pixels, compression="none", tranche=1,
        simulated=False,
    )  # fmt: skip
    _flushed(out / "ours.h5")
    return (out / "ours.h5").stat().st_size


def _peer(root: Path, out: Path, size: int) -> None:
    for path in sorted(root.glob("south/coadd/*/*/*.fits.fz")):
        with fits.open(path) as hdus:
            hdus[1].data.sum()
    block = bytes(16 << 20)
    with (out / "peer.bin").open("wb") as file:
        for start in range(0, size, len(block)):
            file.write(block[: min(len(block), size - start)])
    _flushed(out / "peer.bin")


def ingest_row(bricks: int = 3, pixels: int = 3600, sources: int = 400, repeats: int = 3) -> dict:
    """Return the row `ingest` of the benchmark of the road.

    Parameters
    ----------
    bricks, pixels, sources : int
        Bricks (three bands each), their size and the galaxies cut out of each; a real brick has 3600 pixels and
        some 400 galaxies brighter than z = 20.
    repeats : int
        Times that both sides are measured, in turn; the medians count.
    """
    selection = {"types": ["SER"], "magnitude": {"band": "z", "bright": None, "faint": 20.0}, "passes": None,
                 "maskbits": [], "max_fracflux": None, "resolve_overlap": True}  # fmt: skip
    ingest = Ingest.parse({"selection": selection, "cutout_pixels": 152, "photo_z": False, "compression": "none",
                           "on_bad_object": "flag", "shards_per_job": 1})  # fmt: skip
    with tempfile.TemporaryDirectory() as name, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        root, out = Path(name) / "survey", Path(name)
        sweep = _survey(root, bricks, pixels, sources)
        ours, peer = [], []
        size = _ours(root, sweep, ingest, out)  # first use: imports, page cache
        for _ in range(repeats):
            begin = time.perf_counter()
            _ours(root, sweep, ingest, out)
            middle = time.perf_counter()
            _peer(root, out, size)
            ours.append(middle - begin)
            peer.append(time.perf_counter() - middle)
            for left in ("ours.h5", "ours.parquet", "peer.bin"):
                (out / left).unlink()
        raw = sum(path.stat().st_size for path in root.glob("south/coadd/*/*/*.fits.fz"))
    amount = (raw + size) / 1e6
    mine, theirs = amount / float(np.median(ours)), amount / float(np.median(peer))
    return {
        "name": "ingest",
        "ours": round(mine, 1),
        "peer": round(theirs, 1),
        "limit": None,
        "unit": "MB/s read and written",
        "ratio": round(mine / theirs, 3),
        "goal": f">= {GOAL}",
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
    }


def main() -> None:
    """Print the row, and write it where --json says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, default=None)
    arguments = parser.parse_args()
    row = ingest_row()
    print("  ".join(f"{key}={value}" for key, value in row.items()))
    if arguments.json is not None:
        arguments.json.write_text(json.dumps([row], indent=1))


if __name__ == "__main__":
    main()
