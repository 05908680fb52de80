"""What each rank of `test_ranks.py` runs: steps of both kinds of training in double precision; rank 0 stores them."""

import os
import sys

import torch
from torch import nn

from pipeline.learn import launch, supervised
from pipeline.learn.moco import Moco, Queue
from pipeline.learn.ranks import ALONE, Ranks
from pipeline.models.projection import Projection
from pipeline.models.resnet import ResNet
from pipeline.settings.models import FinderTraining

STEPS, BATCH, GROUP = 4, 16, 4
FINDER = {
    "epochs": 3, "batch": BATCH, "group": GROUP, "lens_fraction": 0.25, "non_lenses_per_epoch": None, "tier": None,
    "learning_rate": 0.003, "decay": 0.5, "decay_epochs": 2,
    "augmentation": {"flip": True, "rotation": False, "zoom": None, "jitter": 0, "conditions": False},
    "select_every": 1, "checkpoint_seconds": 60.0, "threads": 1,
}  # fmt: skip


def moco(ranks: Ranks, images: torch.Tensor) -> dict:
    """Some steps of momentum contrast on images (STEPS, 2, BATCH, 3, H, W); return losses, weights and queue."""
    generator = torch.Generator().manual_seed(3)
    network = nn.Sequential(ResNet("resnet18", 4, "small", generator), Projection(32, 8, generator)).double()
    queue = Queue(32, 8, generator, torch.device("cpu"))
    queue.keys = queue.keys.double()
    training = Moco(network, queue, 0.2, 0.9, GROUP, ranks)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9)
    losses, part = [], ranks.part(BATCH)
    for step, (queries, others) in enumerate(images):
        training.follow()
        permutation = torch.randperm(BATCH, generator=torch.Generator().manual_seed(step))
        keys = training.keys(others[part], permutation)
        optimizer.zero_grad()
        losses.append(training.backward(queries[part], keys))
        optimizer.step()
    ranks.check_equal(network, torch.device("cpu"))
    return {"losses": torch.tensor(losses, dtype=torch.float64), "queue": queue.keys, **network.state_dict()}


def finder(ranks: Ranks, images: torch.Tensor) -> dict:
    """Some steps of a small finder on images (STEPS, 2, BATCH, 3, H, W); return the loss and the weights."""
    torch.manual_seed(5)
    convolution = nn.Conv2d(3, 4, 3, bias=False)
    layers = [convolution, nn.BatchNorm2d(4), nn.ELU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 1)]
    network = nn.Sequential(*layers, nn.Flatten(0)).double()
    training = supervised.Training(network, FinderTraining.parse(FINDER), torch.device("cpu"), ranks)
    labels = (torch.arange(BATCH) % 4 == 0).double()
    for step in range(STEPS):
        training.update(lambda part, step=step: images[step, 0][part], labels)
    return {"loss": torch.tensor(training.loss_sum, dtype=torch.float64), **network.state_dict()}


def main(target: str) -> None:
    """Run as one of the ranks that the environment names."""
    torch.set_num_threads(1)
    world = launch.find()
    if world.size > 1:
        launch.join(world, "gloo")
    ranks = Ranks(world.rank, world.size) if world.size > 1 else ALONE
    images = torch.randn(STEPS, 2, BATCH, 3, 12, 12, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    made = {"moco": moco(ranks, images), "finder": finder(ranks, images)}
    if world.rank == 0:
        torch.save(made, target)


if __name__ == "__main__":
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    main(sys.argv[1])
