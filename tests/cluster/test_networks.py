"""What an image costs in a network, beside published figures and a count by hand."""

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from pipeline.cluster.networks import TRAINING_PASSES, encoder_cost, finder_cost
from pipeline.models.lanusse import Lanusse
from pipeline.models.resnet import ResNet
from pipeline.settings.encoders import Network


@pytest.mark.parametrize(
    ("name", "head", "published"),
    [("resnet50", 2048 * 1000, 4.09e9), ("resnet18", 512 * 1000, 1.81e9)],  # torchvision's GFLOPS, in multiply-adds
)
def test_the_published_networks_cost_what_is_published(name, head, published):
    cost, features = encoder_cost(Network(name=name, width=64, stem="standard"), 224)
    assert cost + head == pytest.approx(published, rel=0.005) and features == head // 1000


def test_a_finder_is_counted_layer_by_layer():
    network, counted = Lanusse(3).eval(), []

    def count(layer, inputs, output):
        kernel = layer.weight[0].numel()
        counted.append(kernel * output.numel())

    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            layer.register_forward_hook(count)
    network(torch.zeros(1, 3, 40, 40))
    assert finder_cost("lanusse", 40) == sum(counted) > 1e6


def test_a_step_of_training_costs_three_forward_passes():
    network, images = ResNet("resnet50", 16, "standard"), torch.zeros(2, 3, 64, 64)
    with FlopCounterMode(display=False) as forward:
        features = network(images)
    with FlopCounterMode(display=False) as backward:
        features.sum().backward()
    passes = 1 + backward.get_total_flops() / forward.get_total_flops()
    assert passes == pytest.approx(TRAINING_PASSES, rel=0.05)  # the first layer needs no gradient of the images
