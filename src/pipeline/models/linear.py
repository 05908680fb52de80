"""The linear probe: standardised features, one weight each, one bias (Stein et al. 2021, §3.3.3)."""

import torch
from torch import nn


class Linear(nn.Module):
    """Logit of a linear classifier on raw features.

    Features are standardised with the stored mean and scale; a missing feature (NaN) counts as the mean.
    Input (N, D) float32 in the features' own units, output (N,) float32 logits.
    """

    def __init__(self, n_features: int):
        super().__init__()
        self.register_buffer("mean", torch.zeros(n_features))
        self.register_buffer("scale", torch.ones(n_features))
        self.weight = nn.Parameter(torch.zeros(n_features))
        self.bias = nn.Parameter(torch.zeros(()))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        standard = torch.nan_to_num((features - self.mean) / self.scale, nan=0.0)
        # Not a matrix product: its last bits depend on where in the matrix a row stands.
        return (standard * self.weight).sum(dim=1) + self.bias
