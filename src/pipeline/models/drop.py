"""Dropout whose draws come from a stated generator: resumed or dealt to ranks, a training draws alike."""

import torch
from torch import nn


class Dropout(nn.Module):
    """Set values to zero with probability `share` and scale the others by 1 / (1 - share), while training."""

    def __init__(self, share: float):
        super().__init__()
        self.share = share
        self.generator: torch.Generator | None = None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.training or self.share == 0:
            return x
        if self.generator is None:
            raise RuntimeError("dropout draws from no generator: call draw_from first")
        keep = torch.rand(x.shape, generator=self.generator) >= self.share
        return x * keep.to(x) / (1 - self.share)


def draw_from(network: nn.Module, generator: torch.Generator) -> None:
    """Let every dropout of a network draw from this generator on the CPU."""
    for module in network.modules():
        if isinstance(module, Dropout):
            module.generator = generator
