"""The network of Lanusse et al. 2018: size, shapes and the wiring of its blocks, by hand."""

import pytest
import torch
import torch.nn.functional as F

from pipeline.models import lanusse
from pipeline.models.bottleneck import Bottleneck


def build(bands=3):
    return lanusse.build(bands, torch.Generator().manual_seed(1))


@pytest.mark.parametrize(("bands", "parameters"), [(1, 3_508_545), (3, 3_511_681), (4, 3_513_249)])
def test_number_of_parameters(bands, parameters):
    assert sum(parameter.numel() for parameter in build(bands).parameters()) == parameters


def test_shapes_of_the_five_stages_at_the_published_input():
    shapes, network = [], build().eval()
    for block in network.blocks[2::3]:
        block.register_forward_hook(lambda module, inputs, output: shapes.append(tuple(output.shape[1:])))
    with torch.inference_mode():
        logits = network(torch.zeros(2, 3, 101, 101))
    assert shapes == [(32, 101, 101), (64, 51, 51), (128, 26, 26), (256, 13, 13), (512, 7, 7)]
    assert logits.shape == (2,)


@pytest.mark.parametrize("side", [16, 63, 64, 101])
def test_input_sizes_are_free(side):
    with torch.inference_mode():
        assert build().eval()(torch.zeros(1, 3, side, side)).shape == (1,)


def test_only_the_first_block_starts_without_activation_and_only_changes_of_shape_have_a_projection():
    blocks = build().blocks
    assert [number for number, block in enumerate(blocks) if block.norm_in is None] == [0]
    assert [number for number, block in enumerate(blocks) if block.shortcut is not None] == [3, 6, 9, 12]
    assert [block.reduce.stride[0] for block in blocks] == [1, 1, 1, 2, 1, 1, 2, 1, 1, 2, 1, 1, 2, 1, 1]


def test_convolutions_that_batch_norm_follows_have_no_bias():
    network = build()
    convolutions = [item for item in network.named_modules() if isinstance(item[1], torch.nn.Conv2d)]
    with_bias = {name.split(".")[-1] for name, module in convolutions if module.bias is not None}
    assert with_bias == {"expand", "shortcut"}


def test_block_against_the_formula_written_out():
    """y = W3 elu(bn(W2 elu(bn(W1 a)))) + b3 + (P a + p), a = elu(bn(x)); without change of shape + x itself."""
    torch.manual_seed(0)
    for channels, out, stride in ((6, 6, 1), (4, 6, 2)):
        block = Bottleneck(channels, 3, out, stride, activate_input=True, bias=True).eval()
        for norm in (block.norm_in, block.norm_reduce, block.norm_spatial):
            norm.running_mean.normal_()
            norm.running_var.uniform_(0.5, 2)
        x = torch.randn(2, channels, 9, 9)

        def bn(value, norm):
            mean, variance = norm.running_mean[:, None, None], norm.running_var[:, None, None]
            scaled = (value - mean) / torch.sqrt(variance + norm.eps)
            return scaled * norm.weight[:, None, None] + norm.bias[:, None, None]

        def pointwise(value, convolution, step=1):
            result = torch.einsum("oi,nihw->nohw", convolution.weight[:, :, 0, 0], value[:, :, ::step, ::step])
            return result if convolution.bias is None else result + convolution.bias[:, None, None]

        active = F.elu(bn(x, block.norm_in))
        y = F.elu(bn(pointwise(active, block.reduce, stride), block.norm_reduce))
        y = F.elu(bn(F.conv2d(y, block.spatial.weight, padding=1), block.norm_spatial))
        y = pointwise(y, block.expand) + (x if stride == 1 else pointwise(active, block.shortcut, stride))
        torch.testing.assert_close(block(x), y, rtol=1e-4, atol=1e-5)


def test_initial_weights_follow_he_and_glorot_and_the_generator():
    network, again = build(), build()
    assert all(torch.equal(one, two) for one, two in zip(network.parameters(), again.parameters(), strict=True))
    spatial = network.blocks[13].spatial.weight
    assert spatial.std().item() == pytest.approx((2 / (256 * 9)) ** 0.5, rel=0.01)
    bound = (6 / (3 * 49 + 32 * 49)) ** 0.5
    assert bound * 0.99 < network.stem.weight.abs().max().item() <= bound
