"""FNet with convolutions through FFTs beside direct ones, and QuasarNET from shard to shard beside its forward pass."""

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import nn

from pipeline.data.shards import write_result_shard
from pipeline.data.spectrum_shards import SpectrumShard, write_spectrum_shard
from pipeline.learn.device import set_up
from pipeline.learn.redshift.ahead import estimate_shard
from pipeline.learn.redshift.estimator import NetworkEstimator
from pipeline.learn.redshift.lines import LineBoxes
from pipeline.models import fnet, quasarnet
from pipeline.settings.spectra.inputs import Input
from pipeline.spectra.grids import grid

BATCH, PIXELS = 16, 4618
GOAL_INFERENCE, GOAL_STEP, GOAL_QUASARNET = 8, 5, 0.9
# A direct training step takes minutes on a core: one warms up, then each takes this many turns.
ROUNDS = {"cpu": 1, "cuda": 10}
# On a V100, spectra/s (FNet paper, section 3.2): 14 ms a spectrum, 90 minutes an epoch of 224,786.
V100_INFERENCE, V100_TRAINING = 1 / 0.014, 224_786 / 5400
SPECTRA, QUASARNET_BATCH, TURNS = 2048, 256, 5


def _seconds(call: Callable[[], None], device: torch.device) -> float:
    begin = time.perf_counter()
    call()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - begin


def _fnets(device: torch.device) -> tuple[nn.Module, nn.Module]:
    """Return FNet as it is, and one of equal weights whose convolutions are torch's own."""
    ours, direct = (fnet.build({}, PIXELS, 1, torch.Generator().manual_seed(1)).to(device) for _ in range(2))
    for block in direct.blocks:
        for number, layer in enumerate(block.convolutions):
            plain = nn.Conv1d(layer.in_channels, layer.out_channels, layer.kernel_size, padding=layer.padding)
            plain.load_state_dict(layer.state_dict())
            block.convolutions[number] = plain.to(device)
    return ours, direct


def _row(name: str, ours: Callable, direct: Callable, device: torch.device, goal: float, v100: float) -> dict:
    """Let both warm up and take turns; the ratio is the median over the turns. On a GPU the limit is the paper's."""
    set_up(torch.get_num_threads(), device)
    ours(), direct()
    rounds = ROUNDS[device.type]
    turns = [(_seconds(ours, device), _seconds(direct, device)) for _ in range(rounds)]
    return {
        "name": name,
        "ours": BATCH / statistics.median(turn[0] for turn in turns),
        "peer": BATCH / statistics.median(turn[1] for turn in turns),
        "limit": v100 if device.type == "cuda" else None,
        "unit": f"spectra/s, batch {BATCH}",
        "ratio": statistics.median(turn[1] / turn[0] for turn in turns),
        "goal": f">= {goal}",
    }


def fnet_inference_row(device: torch.device) -> dict:
    """Return the row `fnet_inference`; the two outputs are equal to 1e-4 of their scatter, or there is no row."""
    ours, direct = (network.eval() for network in _fnets(device))
    spectra = torch.randn(BATCH, PIXELS, generator=torch.Generator().manual_seed(2)).to(device)
    with torch.inference_mode():
        found, expected = ours(spectra), direct(spectra)
        if not torch.allclose(found, expected, rtol=0, atol=1e-4 * float(expected.std())):
            raise SystemExit("the two convolutions disagree")
        calls = (lambda: ours(spectra)), (lambda: direct(spectra))
        return _row("fnet_inference", *calls, device, GOAL_INFERENCE, V100_INFERENCE)


def fnet_training_row(device: torch.device) -> dict:
    """Return the row `fnet_training_step`: forward, backward and Adam."""
    spectra = torch.randn(BATCH, PIXELS, generator=torch.Generator().manual_seed(2)).to(device)
    target = torch.rand(BATCH, 1, generator=torch.Generator().manual_seed(3)).to(device)

    def step(network: nn.Module) -> Callable[[], None]:
        network.train()
        optimiser = torch.optim.Adam(network.parameters(), lr=2.4e-4)

        def once() -> None:
            optimiser.zero_grad()
            nn.functional.mse_loss(network(spectra), target).backward()
            optimiser.step()

        return once

    ours, direct = map(step, _fnets(device))
    return _row("fnet_training_step", ours, direct, device, GOAL_STEP, V100_TRAINING)


def quasarnet_row(device: torch.device) -> dict:
    """Return the row `quasarnet`: the six-layer network on a shard of noise, as the stage applies it, and bare.

    The two take turns, so that what else the machine does weighs on both.
    """
    set_up(torch.get_num_threads(), device)
    settings = {"grid": "quasarnet", "rebin": 1, "resample": "quasarnet", "normalise": "quasarnet", "clip_sigma": None}
    size = {"layers": 6, "same": True, "filters": 100, "dense": 100, "dropout": 0.2}
    network = quasarnet.build(size, 443, torch.Generator().manual_seed(1)).to(device).eval()
    task = LineBoxes("quasarnet", 1, 0.5)
    estimator = NetworkEstimator(network, task, Input.parse(settings), QUASARNET_BATCH, device)
    batch = torch.randn(QUASARNET_BATCH, 443, device=device)

    def ours(path: Path, out: Path) -> None:
        with SpectrumShard(path) as shard:
            write_result_shard(out, object_id=shard.spectrum_id, **estimate_shard(estimator, shard))

    @torch.inference_mode()
    def bare() -> None:
        for _ in range(SPECTRA // QUASARNET_BATCH):
            network(batch)

    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "shard.h5"
        flux = np.random.default_rng(1).normal(1, 1, (SPECTRA, PIXELS)).astype(np.float32)
        ids = {"spectrum_id": np.arange(SPECTRA), "object_id": np.arange(SPECTRA)}
        mask = np.zeros(flux.shape, dtype=bool)
        write_spectrum_shard(path, flux, np.ones_like(flux), mask, ids, grid("fnet").attrs, simulated=True)
        turns = [
            (_seconds(lambda: ours(path, Path(scratch) / "out.h5"), device), _seconds(bare, device))
            for _ in range(TURNS + 1)
        ][1:]
    return {
        "name": "quasarnet",
        "ours": SPECTRA / statistics.median(turn[0] for turn in turns),
        "peer": SPECTRA / statistics.median(turn[1] for turn in turns),
        "limit": None,
        "unit": "spectra/s",
        "ratio": statistics.median(turn[1] / turn[0] for turn in turns),
        "goal": f">= {GOAL_QUASARNET}",
    }
