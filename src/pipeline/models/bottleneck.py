"""The residual block that the lens finders of Lanusse et al. 2018 and Huang et al. 2021 are made of."""

import torch
import torch.nn.functional as F
from torch import nn


class Bottleneck(nn.Module):
    """Pre-activated residual block: 1x1, 3x3, 1x1 convolutions beside a shortcut.

    Where the shape changes, the shortcut is a 1x1 convolution of the activated input; elsewhere it is the raw input.
    Stride 2 turns (H, W) into (ceil(H/2), ceil(W/2)).

    Parameters
    ----------
    channels, mid, out : int
        Channels of the input, inside, of the output.
    stride : int
        Of the first convolution and the shortcut.
    activate_input : bool
        False leaves out the first batch norm and ELU, for a block that follows a stem which ends in both.
    bias : bool
        Whether the last convolution and the shortcut's, which no batch norm follows, carry a bias.
    """

    def __init__(self, channels: int, mid: int, out: int, stride: int, *, activate_input: bool, bias: bool):
        super().__init__()
        self.norm_in = nn.BatchNorm2d(channels) if activate_input else None
        self.reduce = nn.Conv2d(channels, mid, 1, stride=stride, bias=False)
        self.norm_reduce = nn.BatchNorm2d(mid)
        self.spatial = nn.Conv2d(mid, mid, 3, padding=1, bias=False)
        self.norm_spatial = nn.BatchNorm2d(mid)
        self.expand = nn.Conv2d(mid, out, 1, bias=bias)
        reshapes = stride != 1 or channels != out
        self.shortcut = nn.Conv2d(channels, out, 1, stride=stride, bias=bias) if reshapes else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        active = x if self.norm_in is None else F.elu(self.norm_in(x))
        y = F.elu(self.norm_reduce(self.reduce(active)))
        y = F.elu(self.norm_spatial(self.spatial(y)))
        return self.expand(y) + (x if self.shortcut is None else self.shortcut(active))


def initialize(network: nn.Module, generator: torch.Generator) -> None:
    """Draw the weights: Glorot (uniform) for `stem` and `head`, He (normal, gain of a ReLU) elsewhere; biases zero."""
    for name, module in network.named_modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            if name in ("stem", "head"):
                nn.init.xavier_uniform_(module.weight, generator=generator)
            else:
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu", generator=generator)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
