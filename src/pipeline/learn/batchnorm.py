"""Batch normalisation over groups of a fixed size, and statistics set by one pass."""

from collections.abc import Iterable

import torch
from torch import nn


def in_groups(network: nn.Module, images: torch.Tensor, group: int) -> torch.Tensor:
    """Return network(images), computed group by group, so that each group is normalised by its own statistics.

    Raises
    ------
    ValueError
        The batch is not a whole number of groups.
    """
    if len(images) % group:
        raise ValueError(f"{len(images)} images are not a whole number of groups of {group}")
    return torch.cat([network(part) for part in images.split(group)])


@torch.no_grad()
def set_statistics(network: nn.Module, batches: Iterable[torch.Tensor]) -> None:
    """Set the running statistics of every batch norm to their mean over batches (N, 3, H, W) of equal size."""
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a plain mean over batches
    network.train()
    for batch in batches:
        network(batch)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    network.eval()
