"""Tests of convolution through FFTs."""

import pytest
import torch
from torch import nn

from pipeline.models import fft_conv

# in, out, kernel, padding, length: FNet's layers on shorter spectra, blocks that do not fill up, long kernels.
SHAPES = [(1, 4, 500, 250, 1200), (3, 5, 200, 100, 1201), (4, 2, 15, 6, 700), (2, 3, 200, 0, 900), (2, 2, 64, 63, 130)]


def _close(value, expected):
    assert value.shape == expected.shape
    assert (value - expected).abs().max() <= 1e-5 * expected.abs().max()


@pytest.mark.parametrize("channels, out, kernel, padding, length", SHAPES)
def test_output_and_gradients_equal_those_of_conv1d(channels, out, kernel, padding, length):
    draw = torch.Generator().manual_seed(1)
    layer = nn.Conv1d(channels, out, kernel, padding=padding)
    x = torch.randn(3, channels, length, generator=draw, requires_grad=True)
    expected = layer(x)
    towards = torch.randn(expected.shape, generator=draw)
    gradients = torch.autograd.grad(expected, (x, layer.weight, layer.bias), towards)
    ours = fft_conv.fft_conv1d(x, layer.weight, layer.bias, padding)
    _close(ours, expected)
    for value, wanted in zip(torch.autograd.grad(ours, (x, layer.weight, layer.bias), towards), gradients, strict=True):
        _close(value, wanted)


def test_gradients_agree_with_finite_differences():
    draw = torch.Generator().manual_seed(1)
    x = torch.randn(2, 2, 40, generator=draw, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(3, 2, 9, generator=draw, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda a, b: fft_conv.fft_conv1d(a, b, None, 4), (x, weight))


def test_the_module_has_the_weights_of_conv1d_and_its_result():
    draw = torch.Generator().manual_seed(1)
    plain, ours = nn.Conv1d(2, 3, 200, padding=100), fft_conv.Conv1d(2, 3, 200, padding=100)
    ours.load_state_dict(plain.state_dict())
    x = torch.randn(2, 2, 900, generator=draw)
    assert fft_conv.choose(ours, 900, x.device) == "fft"
    _close(ours(x), plain(x))
    with torch.no_grad():
        _close(ours(x), plain(x))
    assert set(ours.state_dict()) == set(plain.state_dict())


def test_transforms_that_are_kept_follow_the_weights():
    ours = fft_conv.Conv1d(2, 3, 200, padding=100)
    x = torch.randn(1, 2, 900, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        first = ours(x)
        kept = ours._kept[1]
        assert torch.equal(ours(x), first) and ours._kept[1] is kept
        for parameter in ours.parameters():
            parameter.mul_(2)
        _close(ours(x), 2 * first)
        ours.load_state_dict({name: value / 4 for name, value in ours.state_dict().items()})
        _close(ours(x), first / 2)


@pytest.mark.parametrize("kernel, out", [(500, 4619), (200, 4620), (15, 4618), (200, 11), (20, 331)])
def test_blocks_hold_a_kernel_and_cover_the_output(kernel, out):
    blocks = fft_conv.Blocks(out + kernel - 1, kernel, 0)
    assert blocks.out == out and blocks.n in fft_conv.LENGTHS
    assert blocks.step == blocks.n - kernel + 1 > 0
    assert (blocks.count - 1) * blocks.step < out <= blocks.count * blocks.step


def test_strided_and_short_layers_stay_direct():
    cpu = torch.device("cpu")
    assert fft_conv.choose(nn.Conv1d(100, 100, 10, stride=2), 443, cpu) == "direct"
    assert fft_conv.choose(nn.Conv1d(32, 32, 1), 4618, cpu) == "direct"
    assert fft_conv.choose(nn.Conv1d(32, 32, 500, padding=250), 300, cpu) == "direct"
    assert fft_conv.choose(nn.Conv1d(32, 32, 500, padding=250), 4618, cpu) == "fft"
    assert fft_conv.choose(nn.Conv1d(32, 32, 200, padding=100), 4618, torch.device("cuda")) == "fft"
