"""Batch norm over groups, and statistics of one pass."""

import pytest
import torch
from torch import nn

from pipeline.learn.batchnorm import in_groups, set_statistics


def test_each_group_has_its_own_statistics():
    norm = nn.BatchNorm2d(3, affine=False).train()
    images = torch.randn(8, 3, 5, 5) * torch.arange(1, 9.0).reshape(8, 1, 1, 1)
    made = in_groups(norm, images, 4)
    for part in made.split(4):
        assert part.mean((0, 2, 3)).abs().max() < 1e-5
        assert torch.allclose(part.var((0, 2, 3), unbiased=False), torch.ones(3), atol=1e-3)
    assert not torch.allclose(made, in_groups(norm, images, 8), atol=1e-2)
    with pytest.raises(ValueError, match="8 images are not a whole number of groups of 3"):
        in_groups(norm, images, 3)


def test_statistics_are_the_mean_over_all_batches():
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4))
    network[1].running_mean += 100
    batches = [torch.randn(6, 3, 4, 4) + shift for shift in range(5)]
    set_statistics(network, batches)
    with torch.no_grad():
        maps = network[0](torch.cat(batches))
        each = torch.stack([network[0](batch).var((0, 2, 3)) for batch in batches])
    assert torch.allclose(network[1].running_mean, maps.mean((0, 2, 3)), atol=1e-5)
    assert torch.allclose(network[1].running_var, each.mean(0), rtol=1e-4)
    assert network[1].momentum == 0.1 and not network.training
