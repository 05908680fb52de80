"""The ingest of spectra beside reading the same files once with astropy.io.fits and writing the same bytes."""

import json
import os
import statistics
import tempfile
import time
from pathlib import Path

import torch
import yaml
from astropy.io import fits

from pipeline.data.spectrum_columns import as_frame
from pipeline.data.spectrum_shards import write_spectrum_shard
from pipeline.data.tables import write_parquet
from pipeline.graph import rows_json, simulated_spectra
from pipeline.settings.spectra.ingest import SpectraIngest
from pipeline.settings.spectra.simulation import SimulatedSpectra
from pipeline.spectra.grids import grid
from pipeline.stages import simulate_spectra
from pipeline.surveys.spectra_files import read_named
from pipeline.surveys.spectrum_doubts import SpectrumDoubts
from pipeline.surveys.spectrum_rows import gather

GOAL = 0.7
SETTINGS = Path(__file__).resolve().parents[1] / "config" / "tiny.yaml"


def _survey(folder: Path, spectra: int) -> list[str]:
    """Write a plate of the simulated survey; return the paths of its files."""
    section = yaml.safe_load(SETTINGS.read_text(encoding="utf-8"))["spectra"]["survey"]
    section |= {"spectra_per_shard": spectra, "sdss_plates": 0, "boss_plates": 1, "desi_pixels": 0}
    rows = simulated_spectra(SimulatedSpectra.parse(section), 1)
    arguments = ["--out", folder / "t1-s0000.json", "--rows", rows_json(rows), "--work", folder / "work"]
    arguments += ["--settings", json.dumps({"survey": section, "seed": 1}), "--log", folder / "log"]
    if simulate_spectra.main([str(one) for one in arguments]):
        raise SystemExit((folder / "log").read_text(encoding="utf-8"))
    return [str(path.relative_to(folder)) for path in sorted(folder.rglob("spec-*.fits"))]


def _flushed(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _ours(folder: Path, names: list[str], ingest: SpectraIngest, out: Path) -> int:
    found = gather(read_named(folder, names, SpectrumDoubts("flag")), ingest, None, SpectrumDoubts("flag"),
                   tranche=1, simulated=True)  # fmt: skip
    target = grid(ingest.grid)
    pixels = (found.flux, found.ivar, found.mask)
    write_spectrum_shard(out / "ours.h5", *pixels, found.columns, target.attrs, simulated=True)
    write_parquet(as_frame(found.columns), out / "ours.parquet", target.attrs)
    _flushed(out / "ours.h5")
    return (out / "ours.h5").stat().st_size


def _peer(folder: Path, names: list[str], out: Path, size: int) -> None:
    for name in names:
        with fits.open(folder / name) as hdus:
            for column in ("flux", "loglam", "ivar", "and_mask"):
                hdus[1].data[column].sum()
            hdus[2].data["Z"][0]
    (out / "peer.bin").write_bytes(bytes(size))
    _flushed(out / "peer.bin")


def ingest_row(device: torch.device, spectra: int = 150, repeats: int = 3) -> dict:
    """Return the row `ingest_spectra`: spectra/s, from files of BOSS to a shard on FNet's grid and its catalogue.

    No device but the processor takes part.
    """
    settings = yaml.safe_load(SETTINGS.read_text(encoding="utf-8"))["spectra"]["ingest"]
    ingest = SpectraIngest.parse(settings)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        names = _survey(folder, spectra)
        size = _ours(folder, names, ingest, folder)  # first use: imports, page cache
        ours, peer = [], []
        for _ in range(repeats):
            begin = time.perf_counter()
            _ours(folder, names, ingest, folder)
            middle = time.perf_counter()
            _peer(folder, names, folder, size)
            ours.append(middle - begin)
            peer.append(time.perf_counter() - middle)
    rates = [spectra / statistics.median(seconds) for seconds in (ours, peer)]
    return {
        "name": "ingest_spectra",
        "ours": rates[0],
        "peer": rates[1],
        "limit": None,
        "unit": "spectra/s",
        "ratio": rates[0] / rates[1],
        "goal": f">= {GOAL}",
    }
