"""Residual networks against torchvision's: names, shapes, outputs; free widths and stems; repeatable weights."""

import pytest
import torch

from pipeline.models.projection import Projection
from pipeline.models.resnet import ResNet


@pytest.fixture(scope="module")
def torchvision_models():
    """Return torchvision.models; where its operators do not load beside this torch, two must be declared."""
    import sys
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            import torchvision.models as models
        except RuntimeError:
            for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
                del sys.modules[name]
            library = torch.library.Library("torchvision", "DEF")
            for operator in ("nms", "qnms"):
                library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
            import torchvision.models as models

            models.kept = library  # the declaration ends with its object
    return models


@pytest.mark.parametrize(("name", "features"), [("resnet18", 512), ("resnet50", 2048)])
def test_is_torchvisions_network_without_its_last_layer(torchvision_models, name, features):
    theirs = getattr(torchvision_models, name)(weights=None)
    theirs.fc = torch.nn.Identity()
    for module in theirs.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.weight.data.uniform_(0.5, 1.5)
    ours = ResNet(name, 64, "standard")
    ours.load_state_dict(theirs.state_dict())
    assert ours.features == features
    images = torch.randn(2, 3, 96, 96)
    for network in (ours, theirs):
        network.eval()
    with torch.no_grad():
        assert torch.allclose(ours(images), theirs(images), rtol=1e-4, atol=1e-4)
    ours.train()
    theirs.train()
    assert torch.allclose(ours(images), theirs(images), rtol=1e-3, atol=1e-3)


def test_size_of_the_papers_encoder():
    encoder = ResNet("resnet50", 64, "standard")
    assert sum(p.numel() for p in encoder.parameters()) == 23_508_032
    head = Projection(2048, 128)
    assert sum(p.numel() for p in head.parameters()) == 4_196_352 + 262_272


@pytest.mark.parametrize("stem", ["standard", "small"])
@pytest.mark.parametrize("width", [4, 24])
def test_widths_and_stems(stem, width):
    network = ResNet("resnet18", width, stem)
    assert network.features == 8 * width
    assert network(torch.randn(2, 3, 48, 48)).shape == (2, 8 * width)
    shapes = []
    network.layer1.register_forward_hook(lambda module, given, made: shapes.append(made.shape[-1]))
    network(torch.randn(2, 3, 48, 48))
    assert shapes == [12 if stem == "standard" else 24]


def test_weights_come_from_the_generator():
    made = [ResNet("resnet18", 8, "small", torch.Generator().manual_seed(seed)).state_dict() for seed in (1, 1, 2)]
    assert all(torch.equal(made[0][name], made[1][name]) for name in made[0])
    assert not torch.equal(made[0]["conv1.weight"], made[2]["conv1.weight"])


def test_projection_gives_unit_vectors_of_a_two_layer_head():
    head = Projection(6, 4, torch.Generator().manual_seed(0))
    features = torch.randn(5, 6)
    made = head(features)
    assert made.shape == (5, 4) and torch.allclose(made.norm(dim=1), torch.ones(5))
    hidden = torch.relu(features @ head.hidden.weight.T + head.hidden.bias)
    plain = hidden @ head.out.weight.T + head.out.bias
    assert torch.allclose(made, plain / plain.norm(dim=1, keepdim=True), atol=1e-6)
