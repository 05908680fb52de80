"""Weights that the networks for spectra begin with."""

import torch
from torch import nn


def initialize(network: nn.Module, generator: torch.Generator, *, he: bool) -> None:
    """Draw all weights: He (normal, gain of a ReLU) or Glorot (uniform); layers `head` always Glorot; biases zero."""
    for name, module in network.named_modules():
        if isinstance(module, nn.Conv1d | nn.Linear):
            if he and name.rsplit(".", 1)[-1] != "head":
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu", generator=generator)
            else:
                nn.init.xavier_uniform_(module.weight, generator=generator)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
