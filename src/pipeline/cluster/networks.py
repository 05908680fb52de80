"""What an image costs in a network: multiply-adds, counted on tensors without memory."""

import importlib
from functools import cache

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from pipeline.models.resnet import ResNet
from pipeline.settings.encoders import Network

# In units of a forward pass: a backward pass takes the gradients of the maps and of the weights, each as dear.
TRAINING_PASSES = 3
# MoCo: query forward and backward, key forward (He et al. 2020).
CONTRASTIVE_PASSES = TRAINING_PASSES + 1


def multiply_adds(network: nn.Module, pixels: int) -> int:
    """Return the multiply-adds of the convolutions and products of matrices of one image (3, pixels, pixels)."""
    network = network.to("meta").eval()
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        network(torch.empty(1, 3, pixels, pixels, device="meta"))
    return counter.get_total_flops() // 2


@cache
def _encoder(name: str, width: int, stem: str, pixels: int) -> tuple[int, int]:
    network = ResNet(name, width, stem)
    return multiply_adds(network, pixels), network.features


def encoder_cost(network: Network, pixels: int) -> tuple[int, int]:
    """Return multiply-adds an image and the dimension of the embedding of a residual network."""
    return _encoder(network.name, network.width, network.stem, pixels)


@cache
def finder_cost(name: str, pixels: int) -> int:
    """Return the multiply-adds an image of a finder, by the name of its module in `models`."""
    build = importlib.import_module(f"pipeline.models.{name}").build
    return multiply_adds(build(3, torch.Generator()), pixels)


def encoder_key(network: Network) -> str:
    """Return the name under which rates of a residual network stand, such as resnet50-64."""
    return f"{network.name}-{network.width}"
