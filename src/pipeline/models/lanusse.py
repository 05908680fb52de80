"""The residual network of Lanusse et al. 2018 (CMU DeepLens, arXiv 1703.02642), as Huang et al. 2021 §3.2 use it.

Five stages of three pre-activated bottlenecks on a 7x7 stem. The published input is 101x101 pixels, where the last
map is 7x7 and is averaged whole; here the average runs over whatever map the input leaves, so that sizes are free.
"""

import torch
import torch.nn.functional as F
from torch import nn

from pipeline.models.bottleneck import Bottleneck, initialize

STEM = 32
STAGES = ((16, 32, 1), (32, 64, 2), (64, 128, 2), (128, 256, 2), (256, 512, 2))  # bottleneck, output channels, stride
BLOCKS = 3


class Lanusse(nn.Module):
    """Logit of being a lens, from (N, bands, H, W) normalised images to (N,).

    3,511,681 trainable parameters with three bands (3,508,545 with one, 3,513,249 with four).
    """

    def __init__(self, bands: int = 3):
        super().__init__()
        self.stem = nn.Conv2d(bands, STEM, 7, padding=3, bias=False)
        self.norm_stem = nn.BatchNorm2d(STEM)
        blocks, channels = [], STEM
        for mid, out, stride in STAGES:
            for block in range(BLOCKS):
                step = stride if block == 0 else 1
                blocks.append(Bottleneck(channels, mid, out, step, activate_input=bool(blocks), bias=True))
                channels = out
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Linear(channels, 1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        features = self.blocks(F.elu(self.norm_stem(self.stem(images))))
        return self.head(features.mean(dim=(2, 3))).squeeze(1)


def build(bands: int, generator: torch.Generator) -> Lanusse:
    """Return a network with weights drawn as the authors drew them."""
    network = Lanusse(bands)
    initialize(network, generator)
    return network
