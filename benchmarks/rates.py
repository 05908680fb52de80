"""The rates from which `skysieve plan` estimates, measured on this machine, in seconds of one core.

    python benchmarks/rates.py PROJECT/work/RUN [PROJECT/work/RUN ...] [--write]

The finished runs tell what their own stages and networks took. Measured directly, because no run here has them: the
network of Stein et al. at its size, bricks of 3600 pixels, images of 152 pixels, embeddings of 2048 numbers.
`--write` replaces src/pipeline/cluster/rates.yaml.
"""

import argparse
import datetime
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import torch
import yaml
from ingest_rate import BANDS, _ours, _survey
from probe_iteration import FEATURES, ROWS

from pipeline.cluster.measured import of_run
from pipeline.cluster.networks import CONTRASTIVE_PASSES, encoder_cost, encoder_key
from pipeline.cluster.rates import PACKAGED, processor
from pipeline.data.shards import ImageShard, write_image_shard
from pipeline.images.augment import UNIFORMS, augment, draw
from pipeline.images.distributions import (
    PAPER_EXTINCTION,
    PAPER_NOISE,
    PAPER_PIXEL_SCALE,
    PAPER_PSF,
    Distributions,
)
from pipeline.images.network_input import transform
from pipeline.images.own import Own
from pipeline.learn import encoder
from pipeline.learn.embedding import inputs
from pipeline.learn.pretraining import Training
from pipeline.learn.probe import Objective
from pipeline.search.exact import nearest
from pipeline.search.objects import Lists, Objects
from pipeline.settings.augmentation import Augmentation
from pipeline.settings.encoders import MocoEncoder
from pipeline.settings.ingest import Ingest

ROOT = Path(__file__).resolve().parents[1]
PIXELS, IMAGES, BATCH, ROUNDS = 152, 512, 32, 3


def _cpu(call) -> float:
    """Seconds of a processor, of this process and of those that it starts: what others do here counts little."""
    before = [time.process_time(), *resource.getrusage(resource.RUSAGE_CHILDREN)[:2]]
    call()
    after = [time.process_time(), *resource.getrusage(resource.RUSAGE_CHILDREN)[:2]]
    return sum(after) - sum(before)


def _median(call, rounds: int = ROUNDS) -> float:
    call()
    return statistics.median(_cpu(call) for _ in range(rounds))


def network_rates(settings: dict) -> dict:
    """Forward passes of the paper's encoder, and steps of its pre-training with two augmented views an image."""
    setting = MocoEncoder.parse(settings["encoders"]["moco"])
    training = setting.training.model_copy(update={"batch": BATCH, "group": BATCH, "queue": 4096})
    pixels, key = setting.view.pixels, encoder_key(setting.network)
    cost = encoder_cost(setting.network, pixels)[0]
    views = torch.rand(BATCH, 3, pixels, pixels).contiguous(memory_format=torch.channels_last)
    network = encoder.build(setting.network, 1).eval().to(memory_format=torch.channels_last)
    with torch.inference_mode():
        forward = _median(lambda: network(views))
    learner = Training(setting.model_copy(update={"training": training}), 1, 100, torch.device("cpu"))
    step = _median(lambda: learner.advance(views, views, torch.arange(BATCH)))

    augmentation = Augmentation.parse(settings["augmentation"])
    distributions = Distributions(PAPER_NOISE, PAPER_PSF, PAPER_EXTINCTION, PAPER_PIXEL_SCALE)
    own = Own(np.full(BATCH, 0.03), np.full((BATCH, 3), 1.5), np.full((BATCH, 3), 0.005))
    images, normals = torch.randn(BATCH, 3, PIXELS, PIXELS) * 0.01, torch.randn(BATCH, 3, pixels, pixels)
    uniform = np.random.default_rng(1).random((BATCH, UNIFORMS))

    def view() -> None:
        draws = draw(uniform, own, augmentation, distributions)
        transform(augment(images, draws, normals, setting.view.crop, pixels), setting.view.transform)

    how = f"{setting.network.name}, width {setting.network.width}, {pixels} pixels, batch {BATCH}, random weights"
    per_core = "multiply-adds/s a core"
    return {
        f"forward/{key}": (cost * BATCH / forward, per_core, how),
        f"train/{key}": (
            cost * CONTRASTIVE_PASSES * BATCH / (step + 2 * _median(view)),
            per_core,
            f"a step of MoCo with the paper's augmentations from {PIXELS} pixels, {how}",
        ),
    }


def image_rates(settings: dict, folder: Path) -> dict:
    """Bytes of an image, and how fast one process reads images and makes them a network's input."""
    view = MocoEncoder.parse(settings["encoders"]["moco"]).view
    images = np.random.default_rng(1).normal(0, 0.01, (IMAGES, 3, PIXELS, PIXELS)).astype(np.float32)
    rates = {}
    for compression in ("none", "lossless", "quantized"):
        path = folder / f"{compression}.h5"
        columns, attrs = {"object_id": np.arange(IMAGES)}, {"bands": list("grz"), "pixel_scale": 0.262, "psf": "FWHM"}

        def write(path=path, columns=columns, attrs=attrs, compression=compression) -> None:
            write_image_shard(path, images, columns, attrs, compression)

        rates[f"write/{compression}"] = (_median(write) / IMAGES, "s an image and core", f"{PIXELS} pixels, noise")
        rates[f"bytes/{compression}"] = (path.stat().st_size / images.nbytes, "of 12 bytes a pixel", "noise")

        def read(path=path) -> None:
            with ImageShard(path) as shard:
                for _ in inputs(shard, view, BATCH):
                    pass

        how = f"{PIXELS} pixels, from memory to the input of {view.pixels} pixels"
        rates[f"read/{compression}"] = (IMAGES / _median(read), "images/s a process", how)
    return rates


def brick_rates(folder: Path) -> dict:
    """Seconds and bytes of a brick of 3600 pixels, and of an image cut out of it: two numbers of galaxies part them."""
    selection = {"types": ["SER"], "magnitude": {"band": "z", "bright": None, "faint": 20.0}, "passes": None,
                 "maskbits": [], "max_fracflux": None, "resolve_overlap": True}  # fmt: skip
    ingest = Ingest.parse({"selection": selection, "cutout_pixels": PIXELS, "photo_z": False, "compression": "none",
                           "on_bad_object": "flag", "shards_per_job": 1})  # fmt: skip
    few, many, bricks, seconds = 50, 800, 2, {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for number in (few, many):
            root, out = folder / f"survey-{number}", folder / f"out-{number}"
            out.mkdir()
            sweep = _survey(root, bricks, 3600, number)

            def once(root=root, sweep=sweep, out=out) -> None:
                for path in out.iterdir():
                    path.unlink()
                _ours(root, sweep, ingest, out)

            seconds[number] = _median(once)
    image = (seconds[many] - seconds[few]) / (bricks * (many - few))
    brick = seconds[few] / bricks - few * image
    if not 0 < image < seconds[many] / (bricks * many):
        raise SystemExit(f"the seconds of few and of many galaxies make no sense, repeat: {seconds}")
    size = sum(path.stat().st_size for path in root.glob("south/coadd/*/*/*.fits.fz")) / bricks
    how = f"{few} and {many} galaxies on each of {bricks} bricks of 3600 pixels, RICE at 1/16 of the noise"
    return {
        "ingest_brick": (brick, "s a brick and core", f"{how}; {len(BANDS)} bands"),
        "ingest/legacy": (image, "s an image and core", f"{how}; {PIXELS} pixels, not compressed"),
        "brick_bytes": (size, "bytes a brick", how),
    }


def search_rates(settings: dict) -> dict:
    """Multiply-adds a second of the exact search among embeddings of 2048 numbers, and of the probe."""
    how, dimension = settings["similarity"], 2048
    n, rng = 2 * how["tile"], np.random.default_rng(1)
    vectors = rng.normal(size=(n, dimension)).astype(np.float16)
    norm = np.linalg.norm(vectors.astype(np.float32), axis=1).astype(np.float64)
    objects = Objects(np.arange(n), np.full(n, 19.0), np.arange(n), vectors, norm)
    queries, start = np.arange(how["tile"]), Lists.empty(how["tile"], how["neighbours"])

    def search() -> None:
        nearest(objects, queries, np.arange(n), delta_mag=0.5, tile=how["tile"], start=start)

    matrix, labels = torch.randn(ROWS, FEATURES), (torch.rand(ROWS) < 0.02).float()
    objective, parameters = Objective(matrix, labels, 1e-3), torch.zeros(FEATURES + 1, dtype=torch.float64)
    seconds, evaluation = _median(search), _median(lambda: [objective(parameters) for _ in range(20)]) / 20
    return {
        f"similarity/{dimension}": (
            how["tile"] * n * dimension / seconds,
            "multiply-adds/s a core",
            f"tiles of {how['tile']}, {how['neighbours']} neighbours, 2 tiles of candidates",
        ),
        "probe": (2 * ROWS * FEATURES / evaluation, "multiply-adds/s a core", f"L-BFGS on {ROWS} x {FEATURES}"),
    }


def start_rate() -> dict:
    """Seconds until a stage begins: Python and its imports."""

    def start() -> None:
        subprocess.run([sys.executable, "-m", "pipeline.stages.embed", "--help"], check=True, capture_output=True)

    return {"start": (_median(start), "s a job", "python -m pipeline.stages.embed --help")}


def run_rates(folders: list[Path]) -> tuple[dict, dict]:
    """What finished runs show: rates, and (objects a job, seconds a job) of each stage."""
    rates, points = {}, {}
    for folder in folders:
        project, run = folder.resolve().parents[1], folder.name
        found = of_run(project, run)
        units = {"ingest": "s an image and core", "simulate_survey": "s an image and core", "similarity": None}
        for name, value in found.rates.items():
            rates[name] = (value, units.get(name.split("/")[0]) or "multiply-adds/s a core", f"the run {run}")
        for stage, (objects, seconds) in found.points.items():
            points.setdefault(stage, []).append([round(objects), round(seconds, 3)])
        catalogue = sorted((project / "results" / run / "images" / "catalogue").glob("*.parquet"))
        size = sum(path.stat().st_size for path in catalogue) / found.objects
        rates["catalogue_bytes"] = (size, "bytes an object", f"Parquet of the run {run}")
    return rates, points


def main() -> None:
    """Print the rates; write them where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path, help="work/RUN of finished runs, small ones first")
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    settings = yaml.safe_load((ROOT / "config" / "legacy-dr9-stein2021.yaml").read_text())
    rates, points = run_rates(arguments.runs)
    with tempfile.TemporaryDirectory() as name:
        rates |= image_rates(settings, Path(name)) | brick_rates(Path(name))
    rates |= network_rates(settings) | search_rates(settings) | start_rate()
    content = {
        "measured": {
            "date": datetime.date.today().isoformat(),
            "processor": f"{processor()}, {os.cpu_count()} cores",
            "libraries": f"torch {torch.__version__}, numpy {np.__version__}",
            "by": "benchmarks/rates.py",
        },
        "rates": {
            name: {"value": float(f"{value:.4g}"), "unit": unit, "how": how}
            for name, (value, unit, how) in sorted(rates.items())
        },
        "points": dict(sorted(points.items())),
    }
    text = yaml.safe_dump(content, sort_keys=False, width=110, allow_unicode=True)
    head = "# Written by benchmarks/rates.py; what is assumed stands in assumed.yaml.\n"
    print(text)
    if arguments.write:
        PACKAGED.write_text(head + text, encoding="utf-8")


if __name__ == "__main__":
    main()
