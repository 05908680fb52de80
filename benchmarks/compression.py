"""Quantized image shards: how small, how faithful, how fast?

    python benchmarks/compression.py [--json FILE] [--shard SHARD.h5] [--workers N]

The images are drawn here (the noise of Stein et al. 2021, Table 2, correlated as in a coadd, galaxies and stars), or
are the first of an image shard that is not quantized. Rows:

bytes             kB an image, file and all; peer: uncompressed; limit: the entropy of Gaussian noise in steps of
                  sigma / 16, log2(16 sqrt(2 pi e)) = 6.05 bits a pixel
photometry        mean change of fluxes within 3 arcsec, in units of a flux's own error; limit: the statistical error
                  of that mean; the ratio is between the two
embedding         smallest cosine between embeddings of the image and of what is read again, untrained encoder; peer:
                  the same after noise of sigma / 10 is added; the ratio is that of the distances 1 - cosine
embedding_median  the median of these cosines
embedding_shift   root mean square over features of the mean change in units of its statistical error: 1 without bias
read              images/s in batches of 256, from files in memory; peer: uncompressed; limit: a forward pass of
                  ResNet50 on 96 pixels by this machine, which the ratio is about
"""

import argparse
import json
import os
import platform
import statistics
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import torch
import yaml
from scipy.ndimage import convolve1d

from pipeline.data.quantize import noise
from pipeline.data.shards import ImageShard, write_image_shard
from pipeline.images.network_input import plain_view
from pipeline.images.photometry import aperture_flux, aperture_mask
from pipeline.learn import encoder
from pipeline.learn.device import set_up
from pipeline.settings.encoders import MocoEncoder, Network

IMAGES, PIXELS, SCALE = 512, 152, 0.262
KERNEL = np.array([-0.03, 0.065, 0.93, 0.065, -0.03])  # as `blemishes.correlation` of the demo
TABLE_2 = {  # shape, loc, scale of the noise in g, r, z
    "g": (0.2264926, -0.0006735, 0.0037602),
    "r": (0.2431146, -0.0023663, 0.0067417),
    "z": (0.1334844, -0.0143416, 0.0260779),
}
RADIUS = 3.0  # arcsec
ROUNDS, BATCH = 5, 256


def drawn(count: int = IMAGES) -> np.ndarray:
    """Return images (count, 3, 152, 152), nanomaggies: noise, a galaxy in the middle and neighbours, some stars."""
    rng = np.random.default_rng(1)
    images = rng.normal(size=(count, 3, PIXELS, PIXELS)).astype(np.float32)
    for axis in (2, 3):
        images = convolve1d(images, KERNEL, axis=axis, mode="wrap")
    for band, (shape, loc, scale) in enumerate(TABLE_2.values()):
        level = np.clip(rng.lognormal(np.log(scale), shape, count) + loc, 1e-3, None)
        images[:, band] *= (level / np.sum(KERNEL**2))[:, None, None]
    y, x = np.mgrid[:PIXELS, :PIXELS].astype(np.float32)
    for image in images:
        sources = 1 + rng.poisson(8)  # as many as z < 22.5 mag has on 40 arcsec, roughly
        fluxes = np.minimum(10 ** (0.4 * (22.5 - 20)) * rng.pareto(1.2, sources) + 0.5, 3000)
        for number, flux in enumerate(fluxes):
            at = rng.uniform(0, PIXELS, 2) if number else np.full(2, PIXELS / 2)
            distance = np.hypot(x - at[0], y - at[1])
            star = number > 0 and rng.uniform() < 0.3
            profile = (1 + (distance / 2.5) ** 2) ** -2.5 if star else np.exp(-distance / rng.uniform(2, 8))
            colour = np.array([0.4, 0.8, 1.0]) ** rng.uniform(0.5, 1.5)
            image += (flux * colour[:, None, None] * (profile / profile.sum())).astype(np.float32)
    return images


def _write(folder: Path, images: np.ndarray) -> dict[str, Path]:
    paths = {name: folder / f"{name}.h5" for name in ("none", "quantized")}
    attrs = {"bands": ["g", "r", "z"], "pixel_scale": SCALE, "psf": "FWHM"}
    for name, path in paths.items():
        write_image_shard(path, images, {"object_id": np.arange(len(images), dtype=np.int64)}, attrs, name)
    return paths


def bytes_row(paths: dict[str, Path], images: np.ndarray) -> dict:
    """Return the row `bytes`."""
    ours, peer = (paths[name].stat().st_size / len(images) / 1000 for name in ("quantized", "none"))
    limit = np.log2(16 * np.sqrt(2 * np.pi * np.e)) / 8 * images[0].size / 1000
    return _row("bytes", ours, peer, limit, "kB/image", ours / peer, "<= 0.25")


def photometry_row(images: np.ndarray, read: np.ndarray) -> dict:
    """Return the row `photometry`: fluxes of all bands together, each in units of its own error."""
    radius = RADIUS / SCALE
    error = noise(images) * np.sqrt(np.sum(aperture_mask(images.shape[-2:], radius) ** 2))
    change = (aperture_flux(read.astype(np.float64) - images, radius) / error)[np.isfinite(error)]
    mean, uncertainty = change.mean(), change.std() / np.sqrt(change.size)
    return _row("photometry", mean, None, uncertainty, "errors of a flux", abs(mean) / uncertainty, "<= 2")


@torch.inference_mode()
def _embeddings(network: torch.nn.Module, view, images: np.ndarray) -> np.ndarray:
    parts = [network(plain_view(torch.from_numpy(part), view)) for part in np.split(images, range(64, len(images), 64))]
    return torch.cat(parts).double().numpy()


def embedding_rows(images: np.ndarray, read: np.ndarray, config: str = "config/study.yaml"):
    """Yield the rows about embeddings, with the network and the view of the study's encoder and random weights."""
    settings = yaml.safe_load((Path(__file__).resolve().parents[1] / config).read_text())
    setting = MocoEncoder.parse(settings["encoders"]["moco"])
    network = encoder.build(setting.network, 1)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None  # statistics of the one pass below
    _embeddings(network.train(), setting.view, images)
    network.eval()
    level = np.nan_to_num(noise(images))[:, :, None, None] / 10
    noisy = images + (np.random.default_rng(2).normal(size=images.shape) * level).astype(np.float32)
    first = _embeddings(network, setting.view, images)
    cosines, shifts = [], []
    for other in (_embeddings(network, setting.view, part) for part in (read, noisy)):
        lengths = np.linalg.norm(first, axis=1) * np.linalg.norm(other, axis=1)
        cosines.append(np.sum(first * other, axis=1) / lengths)
        change = other - first
        change = change[:, change.std(axis=0) > 0]
        errors = change.std(axis=0) / np.sqrt(len(images))
        shifts.append(np.sqrt(np.mean((change.mean(axis=0) / errors) ** 2)))
    for name, measure in (("embedding", np.min), ("embedding_median", np.median)):
        ours, peer = (measure(found) for found in cosines)
        yield _row(name, ours, peer, 1.0, "cosine", (1 - ours) / (1 - peer), "<= 0.1")
    yield _row("embedding_shift", shifts[0], shifts[1], 1.0, "statistical errors", shifts[0], "<= 1.5")


def _read(task: tuple[Path, int, int]) -> int:
    path, start, stop = task
    with ImageShard(path) as shard:
        return sum(len(shard.read(slice(at, min(at + BATCH, stop)))) for at in range(start, stop, BATCH))


def _forward_rate(rounds: int = ROUNDS) -> float:
    """Return images/s of ResNet50 on 96 pixels, the network and input of Stein et al. 2021."""
    device = set_up(1)
    network = encoder.build(Network(name="resnet50", width=64, stem="standard"), 1).eval().requires_grad_(False)
    network.to(device, memory_format=torch.channels_last)
    count = 1024 if device.type == "cuda" else 16
    batch = torch.randn(count, 3, 96, 96).to(device, memory_format=torch.channels_last)
    seconds = []
    with torch.inference_mode():
        for _ in range(1 + rounds):
            begin = time.perf_counter()
            network(batch)
            if device.type == "cuda":
                torch.cuda.synchronize()
            seconds.append(time.perf_counter() - begin)
    return count / statistics.median(seconds[1:])


def read_row(paths: dict[str, Path], count: int, workers: int) -> dict:
    """Return the row `read`; the two take turns, so that what else the machine does weighs on both."""
    edges = np.linspace(0, count, workers + 1).astype(int).tolist()
    seconds = {name: [] for name in paths}
    with ProcessPoolExecutor(workers) as pool:
        for _ in range(1 + ROUNDS):
            for name, path in paths.items():
                begin = time.perf_counter()
                list(pool.map(_read, [(path, *span) for span in zip(edges, edges[1:], strict=False)]))
                seconds[name].append(time.perf_counter() - begin)
    ours, peer = (count / statistics.median(seconds[name][1:]) for name in ("quantized", "none"))
    limit = _forward_rate()
    device = "GPU" if torch.cuda.is_available() else "CPU"
    return _row("read", ours, peer, limit, f"images/s, {workers} proc., {device}", ours / limit, ">= 0.8")


def _row(name, ours, peer, limit, unit, ratio, goal) -> dict:
    numbers = {"ours": ours, "peer": peer, "limit": limit, "ratio": ratio}
    plain = {key: None if value is None else float(value) for key, value in numbers.items()}
    return {"name": name, **plain, "unit": unit, "goal": goal}


def main() -> None:
    """Print the table; write it as JSON where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--shard", type=Path, help="an image shard that is not quantized")
    parser.add_argument("--workers", type=int, default=1, help="processes that read")
    arguments = parser.parse_args()
    if arguments.shard:
        with ImageShard(arguments.shard) as shard:
            images = shard.read(slice(0, IMAGES))
    else:
        images = drawn()
    machine = f"{platform.machine()}, {os.cpu_count()} cores"
    rows = []
    print(f"{'name':<18}{'ours':>12}{'peer':>12}{'limit':>12}  {'unit':<26}{'ratio':>8}  goal")
    with tempfile.TemporaryDirectory() as scratch:
        paths = _write(Path(scratch), images)
        with ImageShard(paths["quantized"]) as shard:
            read = shard.read(slice(None))
        found = [bytes_row(paths, images), photometry_row(images, read), *embedding_rows(images, read)]
        found.append(read_row(paths, len(images), arguments.workers))
    for row in found:
        rows.append({**row, "machine": machine})
        numbers = [f"{row[key]:12.6g}" if row[key] is not None else f"{'-':>12}" for key in ("ours", "peer", "limit")]
        print(f"{row['name']:<18}{''.join(numbers)}  {row['unit']:<26}{row['ratio']:8.3f}  {row['goal']}")
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
