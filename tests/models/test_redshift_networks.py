"""Tests of the networks that give redshifts: numbers of parameters, shapes, lengths, first weights."""

import pytest
import torch

from pipeline.errors import PipelineError
from pipeline.models import drop, fnet, quasarnet, rnet


def _count(network):
    return sum(parameter.numel() for parameter in network.parameters())


def test_fnet_is_the_published_codes():
    network = fnet.FNet()
    assert _count(network) == 10_171_944
    assert sum(parameter.numel() for parameter in network.blocks.parameters()) == 6_336_417
    convolutions = [layer for block in network.blocks for layer in block.convolutions]
    assert len(convolutions) == 24
    assert [(layer.kernel_size[0], layer.padding[0]) for layer in convolutions[:3]] == [(500, 250), (200, 100), (15, 6)]


def test_channels_of_figure_2_are_a_setting():
    network = fnet.FNet(600, channels=fnet.FIGURE_2, kernels=(50, 20, 15), dense=(8,))
    assert len(network.blocks) == 24
    assert network.dense[0].in_features == 600 * 16


def test_fnet_keeps_the_length_and_gives_as_many_values_as_asked():
    network = fnet.build({"channels": [4, 1], "kernels": [50, 20, 15], "dense": [16]}, 200, 7, torch.Generator())
    assert network.blocks(torch.zeros(2, 1, 200)).shape == (2, 1, 200)
    assert network(torch.zeros(2, 200)).shape == (2, 7)
    with pytest.raises(PipelineError, match="kernels"):
        fnet.FNet(200, channels=(1,), kernels=(50, 20, 14))


@pytest.mark.parametrize("pixels, inputs", [(2000, 21_120), (1209, 8_576), (1216, 8_576), (1208, 8_448), (1217, 8_704)])
def test_rnets_first_dense_layer_follows_the_input(pixels, inputs):
    network = rnet.RNet(pixels)
    assert network.dense[0].in_features == inputs
    assert [layer.out_features for layer in (*network.dense, network.head)] == [900, 100, 1]
    with torch.no_grad():
        assert network.eval()(torch.zeros(1, pixels)).shape == (1, 1)


@pytest.mark.parametrize(
    "options, trainable, lengths",
    [({}, 520_882, [217, 104, 48, 20]), ({"layers": 6, "same": True}, 591_482, [222, 111, 56, 28, 14, 7])],
)
def test_quasarnet_has_the_published_sizes(options, trainable, lengths):
    network = quasarnet.QuasarNet(dropout=0.2, **options)
    assert _count(network) == trainable
    found = []
    for layer in network.convolutions:
        layer.register_forward_hook(lambda module, inputs, output: found.append(output.shape[2]))
    with torch.no_grad():
        assert network.eval()(torch.zeros(2, 443)).shape == (2, 7, 2, 13)
    assert found == lengths
    assert network.dense.in_features == 100 * lengths[-1]


def test_offsets_reach_a_tenth_beyond_their_box():
    raw = torch.stack([torch.full((1, 7, 13), -50.0), torch.full((1, 7, 13), 50.0)], dim=2)
    confidence, offset = quasarnet.boxes_of(raw)
    assert torch.all(confidence < 1e-6)
    assert torch.allclose(offset, torch.tensor(1.1))


def test_first_weights_follow_the_generator():
    sizes = {"channels": [4, 1], "kernels": [20, 10, 15], "dense": [16]}

    def state(seed):
        return fnet.build(sizes, 100, 1, torch.Generator().manual_seed(seed)).state_dict()

    one, same, other = state(1), state(1), state(2)
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not torch.equal(one["dense.0.weight"], other["dense.0.weight"])


def test_dropout_draws_from_its_generator_and_keeps_the_mean():
    network = rnet.build(
        {"channels": [2], "kernels": [5], "dense": [4], "dropout": 0.5}, 40, 1, torch.Generator().manual_seed(1)
    )
    x = torch.randn(3, 40, generator=torch.Generator().manual_seed(1))
    drop.draw_from(network, torch.Generator().manual_seed(5))
    first = network(x)
    assert not torch.equal(first, network(x))
    drop.draw_from(network, torch.Generator().manual_seed(5))
    assert torch.equal(first, network(x))
    layer = drop.Dropout(0.25)
    layer.generator = torch.Generator().manual_seed(1)
    dropped = layer(torch.ones(100_000))
    assert abs(float(dropped.mean()) - 1) < 0.01
    assert abs(float((dropped == 0).float().mean()) - 0.25) < 0.01
    assert torch.equal(layer.eval()(torch.ones(5)), torch.ones(5))
