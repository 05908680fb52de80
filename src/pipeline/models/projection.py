"""The projection head of MoCo v2: two layers, and vectors of length one (Chen, X. et al. 2020)."""

import torch
import torch.nn.functional as F
from torch import nn


class Projection(nn.Module):
    """Features (N, D) to unit vectors (N, `dimension`): Linear(D, D), ReLU, Linear(D, dimension), L2 normalisation."""

    def __init__(self, features: int, dimension: int, generator: torch.Generator | None = None):
        super().__init__()
        self.hidden = nn.Linear(features, features)
        self.out = nn.Linear(features, dimension)
        for layer in (self.hidden, self.out):
            # torch's own initialisation of a linear layer, drawn from the generator.
            bound = features**-0.5
            nn.init.uniform_(layer.weight, -bound, bound, generator=generator)
            nn.init.uniform_(layer.bias, -bound, bound, generator=generator)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return F.normalize(self.out(F.relu(self.hidden(features))), dim=1)
