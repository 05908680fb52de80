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

from pipeline.graph import rows_json, simulated_spectra
from pipeline.settings.spectra.ingest import SpectraIngest
from pipeline.settings.spectra.simulation import SimulatedSpectra
from pipeline.settings.spectra.survey import Sdss
from pipeline.stages import ingest_spectra, simulate_spectra
from pipeline.surveys.spectra_index import spectra_shard_rows

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


def _ours(folder: Path, rows: str, settings: str, out: Path) -> int:
    """Run the stage; return the bytes of the shard and of its catalogue."""
    argv = ["--shards", out / "shards/t1-s0000.json", "--catalogue", out / "catalogue/t1-s0000.json", "--rows", rows]
    argv += ["--settings", settings, "--work", out / "work", "--log", out / "log"]
    if ingest_spectra.main([str(word) for word in argv]):
        raise SystemExit((out / "log").read_text(encoding="utf-8"))
    made = [*out.glob("shards/*.h5"), *out.glob("catalogue/*.parquet")]
    for path in made:
        _flushed(path)
    return sum(path.stat().st_size for path in made)


def _peer(folder: Path, names: list[str], out: Path, size: int) -> None:
    for name in names:
        with fits.open(folder / name) as hdus:
            for column in ("flux", "loglam", "ivar", "and_mask"):
                hdus[1].data[column].sum()
            hdus[2].data["Z"][0]
    (out / "peer.bin").write_bytes(bytes(size))
    _flushed(out / "peer.bin")


def ingest_row(device: torch.device, spectra: int = 150, repeats: int = 3) -> dict:
    """Return the row `ingest_spectra`: spectra/s of the stage, from files of BOSS to a shard on FNet's grid.

    No device but the processor takes part.
    """
    ingest = yaml.safe_load(SETTINGS.read_text(encoding="utf-8"))["spectra"]["ingest"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        names = _survey(folder, spectra)
        survey = {"kind": "sdss", "root": str(folder), "files": "**/spec-*.fits", "quasars": None}
        rows = spectra_shard_rows(Sdss.parse(survey), SpectraIngest.parse(ingest), [])[0]
        plan = rows_json(rows), json.dumps({"survey": survey, "ingest": ingest})
        size = _ours(folder, *plan, folder / "first")  # first use: imports, page cache
        ours, peer = [], []
        for number in range(repeats):
            begin = time.perf_counter()
            _ours(folder, *plan, folder / f"out-{number}")
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
