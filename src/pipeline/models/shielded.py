"""The "shielded" residual network of Huang et al. 2021, §3.3: Lanusse's, with 1x1 convolutions that keep it narrow.

The paper gives the idea, the last width (32) and the size (60 thousand); the rest is a reconstruction: every stage puts
out 32 channels through bottlenecks of 16, a shield of 16 channels stands between stages, and no convolution has a
bias. With widths (52, 32, 12, 24) the same rule gives 194,501 parameters, beside 194,433 in Inchausti et al. 2025.
"""

import torch
import torch.nn.functional as F
from torch import nn

from pipeline.models.bottleneck import Bottleneck, initialize

STRIDES = (1, 2, 2, 2, 2)
BLOCKS = 3


class Shield(nn.Module):
    """Batch norm, ELU and a 1x1 convolution to fewer channels."""

    def __init__(self, channels: int, out: int):
        super().__init__()
        self.norm = nn.BatchNorm2d(channels)
        self.reduce = nn.Conv2d(channels, out, 1, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.reduce(F.elu(self.norm(x)))


class Shielded(nn.Module):
    """Logit of being a lens, from (N, bands, H, W) normalised images to (N,).

    59,905 trainable parameters with three bands and the default widths.

    Parameters
    ----------
    bands : int
    stages : (int, int)
        Channels inside and after the bottlenecks of the first four stages; the stem has the second number.
    shield : int
        Channels after each shield.
    last : (int, int)
        Channels inside and after the bottlenecks of the fifth stage.
    """

    def __init__(
        self, bands: int = 3, stages: tuple[int, int] = (16, 32), shield: int = 16, last: tuple[int, int] = (16, 32)
    ):
        super().__init__()
        channels = stages[1]
        self.stem = nn.Conv2d(bands, channels, 7, padding=3, bias=False)
        self.norm_stem = nn.BatchNorm2d(channels)
        layers = []
        for stage, stride in enumerate(STRIDES):
            mid, out = last if stage == len(STRIDES) - 1 else stages
            if stage:
                layers.append(Shield(channels, shield))
                channels = shield
            for block in range(BLOCKS):
                step = stride if block == 0 else 1
                layers.append(Bottleneck(channels, mid, out, step, activate_input=True, bias=False))
                channels = out
        self.blocks = nn.Sequential(*layers)
        self.norm_out = nn.BatchNorm2d(channels)
        self.head = nn.Linear(channels, 1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        features = self.blocks(F.elu(self.norm_stem(self.stem(images))))
        return self.head(F.elu(self.norm_out(features)).mean(dim=(2, 3))).squeeze(1)


def build(bands: int, generator: torch.Generator) -> Shielded:
    """Return a network of the published size with weights drawn as Lanusse's are."""
    network = Shielded(bands)
    initialize(network, generator)
    return network
