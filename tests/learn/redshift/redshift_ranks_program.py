"""What each rank of `test_ranks.py` runs: steps of a small QuasarNET in double precision; rank 0 stores the weights."""

import os
import sys

import torch

from pipeline.learn import launch
from pipeline.learn.ranks import ALONE, Ranks
from pipeline.learn.redshift.labels import Labels
from pipeline.learn.redshift.lines import LineBoxes
from pipeline.learn.redshift.training import Training
from pipeline.models import quasarnet
from pipeline.settings.spectra.estimators import Training as Plan

STEPS, BATCH, GROUP, PIXELS = 3, 16, 4, 443
PLAN = {
    "optimiser": "adam", "learning_rate": 0.003, "schedule": {"kind": "step", "steps": []}, "weight_decay": 1e-5,
    "batch": BATCH, "group": GROUP, "epochs": 1, "gradient_clip": 1.0, "folds": None, "reweight": None,
    "checkpoint_seconds": 60.0, "threads": 1,
}  # fmt: skip


class Double(quasarnet.QuasarNet):
    """The network in double precision, whose inputs and dropout are single."""

    def forward(self, spectra):
        return super().forward(spectra.double())


def main(target: str) -> None:
    """Run as one of the ranks that the environment names."""
    torch.set_num_threads(1)
    world = launch.find()
    if world.size > 1:
        launch.join(world, "gloo")
    ranks = Ranks(world.rank, world.size) if world.size > 1 else ALONE
    draw = torch.Generator().manual_seed(1)
    network = Double(PIXELS, 4, False, 6, 8, 0.2)
    quasarnet.initialize(network, draw, he=False)
    inputs = torch.randn(STEPS, BATCH, PIXELS, generator=draw)
    z = torch.rand(BATCH, generator=draw).double().numpy() * 3
    number = torch.arange(BATCH).numpy()
    labels = Labels(number, (number % 4 == 3) * 3, z, number % 3 - 1, 1.0 + number % 2)
    task = LineBoxes("quasarnet", 1, 0.5)
    training = Training(network.double(), task, Plan.parse(PLAN), torch.device("cpu"), 1, "test", ranks)
    for step in range(STEPS):
        training.update(inputs[step], task.targets(labels))
    ranks.check_equal(network, torch.device("cpu"))
    if world.rank == 0:
        torch.save({"loss": torch.tensor(training.loss_sum, dtype=torch.float64), **network.state_dict()}, target)


if __name__ == "__main__":
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    main(sys.argv[1])
