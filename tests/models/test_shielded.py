"""The shielded network of Huang et al. 2021: size and shapes, by hand."""

import torch

from pipeline.models import shielded
from pipeline.models.shielded import Shield, Shielded


def count(network):
    return sum(parameter.numel() for parameter in network.parameters())


def test_number_of_parameters_of_the_published_size():
    assert count(shielded.build(3, torch.Generator())) == 59_905


def test_number_of_parameters_of_the_larger_one():
    """The same rule with the widths of Inchausti et al. 2025 (194,433 in the paper, 194,501 in its reconstruction)."""
    assert count(Shielded(3, stages=(32, 52), shield=12, last=(32, 24))) == 194_501


def test_shields_stand_between_the_stages_and_halve_the_channels():
    shapes, network = [], Shielded().eval()
    kinds = [type(layer) is Shield for layer in network.blocks]
    assert [number for number, is_shield in enumerate(kinds) if is_shield] == [3, 7, 11, 15]
    for layer in network.blocks:
        layer.register_forward_hook(lambda module, inputs, output: shapes.append(tuple(output.shape[1:])))
    with torch.inference_mode():
        assert network(torch.zeros(2, 3, 101, 101)).shape == (2,)
    assert shapes[2:4] == [(32, 101, 101), (16, 101, 101)]
    assert shapes[6:8] == [(32, 51, 51), (16, 51, 51)]
    assert shapes[-1] == (32, 7, 7)
