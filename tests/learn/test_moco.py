"""Momentum contrast against a case computed by hand, against lightly, and against its own definition."""

import sys
import warnings

import pytest
import torch
from torch import nn

from pipeline.learn.moco import Moco, Queue, contrastive_logits
from pipeline.models.projection import Projection
from pipeline.models.resnet import ResNet


def queue_of(keys: torch.Tensor) -> Queue:
    queue = Queue(len(keys), keys.shape[1], torch.Generator(), torch.device("cpu"))
    queue.keys = keys.clone()
    return queue


def small_moco(group: int = 4, size: int = 16, momentum: float = 0.9) -> Moco:
    generator = torch.Generator().manual_seed(3)
    network = nn.Sequential(ResNet("resnet18", 4, "small", generator), Projection(32, 8, generator))
    return Moco(network, Queue(size, 8, generator, torch.device("cpu")), 0.2, momentum, group)


def test_logits_by_hand():
    query = torch.tensor([[1.0, 0.0], [0.6, 0.8]])
    key = torch.tensor([[0.8, 0.6], [0.0, 1.0]])
    queue = torch.tensor([[1.0, 0.0], [0.0, -1.0], [-0.6, 0.8]])
    # q1: positive 0.8; negatives 1, 0, -0.6. q2: positive 0.8; negatives 0.6, -0.8, -0.36 + 0.64 = 0.28. All over 0.5.
    expected = torch.tensor([[1.6, 2.0, 0.0, -1.2], [1.6, 1.2, -1.6, 0.56]])
    assert torch.allclose(contrastive_logits(query, key, queue, 0.5), expected)
    # Cross-entropy with label 0: log(e^1.6 + e^2 + 1 + e^-1.2) - 1.6 and log(e^1.6 + e^1.2 + e^-1.6 + e^0.56) - 1.6.
    loss = torch.nn.functional.cross_entropy(expected, torch.zeros(2, dtype=torch.long), reduction="none")
    assert loss.tolist() == pytest.approx([1.013247, 0.724906], abs=1e-5)


def test_queue_is_first_in_first_out_and_wraps():
    queue = queue_of(torch.zeros(6, 1))
    for first in (1, 3, 5, 7):
        queue.enqueue(torch.tensor([[float(first)], [first + 1.0]]))
    assert queue.keys.ravel().tolist() == [7, 8, 3, 4, 5, 6] and queue.start == 2
    with pytest.raises(ValueError, match="does not take batches of 4"):
        queue.enqueue(torch.zeros(4, 1))


def test_queue_starts_with_random_unit_vectors():
    queue = Queue(64, 8, torch.Generator().manual_seed(0), torch.device("cpu"))
    assert torch.allclose(queue.keys.norm(dim=1), torch.ones(64))
    assert queue.keys.mean(0).abs().max() < 0.2


@pytest.fixture(scope="module")
def ntxent():
    """Return lightly's loss with a memory bank, where lightly is installed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pytest.importorskip("lightly", reason="lightly, the independent reference of MoCo, is not installed")
        try:
            import torchvision  # noqa: F401
        except RuntimeError:
            for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
                del sys.modules[name]
            library = torch.library.Library("torchvision", "DEF")
            for operator in ("nms", "qnms"):
                library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
            sys.modules[__name__].library = library
        from lightly.loss import NTXentLoss
    return NTXentLoss


def test_loss_gradient_and_queue_agree_with_lightly(ntxent):
    torch.manual_seed(0)
    theirs = ntxent(temperature=0.2, memory_bank_size=(12, 5))
    queue = queue_of(theirs.memory_bank.bank)
    for _ in range(5):
        query = torch.randn(4, 5, requires_grad=True)
        key = torch.nn.functional.normalize(torch.randn(4, 5), dim=1)
        expected = theirs(query, key)
        (slope,) = torch.autograd.grad(expected, query)
        logits = contrastive_logits(torch.nn.functional.normalize(query, dim=1), key, queue.keys, 0.2)
        loss = torch.nn.functional.cross_entropy(logits, torch.zeros(4, dtype=torch.long))
        assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
        assert torch.allclose(torch.autograd.grad(loss, query)[0], slope, atol=1e-6)
        queue.enqueue(key)
        assert torch.allclose(queue.keys, theirs.memory_bank.bank, atol=1e-6)


def test_key_network_follows_and_gets_no_gradient():
    moco = small_moco(momentum=0.9)
    before = {name: value.clone() for name, value in moco.key.named_parameters()}
    images = torch.randn(8, 3, 16, 16)
    keys = moco.keys(images, torch.arange(8))
    moco.backward(torch.randn(8, 3, 16, 16), keys)
    assert all(value.grad is None and not value.requires_grad for value in moco.key.parameters())
    assert all(value.grad is not None for value in moco.query.parameters())
    assert not keys.requires_grad
    with torch.no_grad():
        for value in moco.query.parameters():
            value.add_(1.0)
    moco.follow()
    for name, value in moco.key.named_parameters():
        assert torch.allclose(value, before[name] + 0.1, atol=1e-5)


def test_group_by_group_gradients_are_those_of_the_batch():
    moco = small_moco(group=4)
    moco.query.eval()  # without batch statistics the groups do not matter
    images = torch.randn(8, 3, 16, 16)
    keys = torch.nn.functional.normalize(torch.randn(8, 8), dim=1)
    logits = contrastive_logits(moco.query(images), keys, moco.queue.keys, 0.2)
    expected = torch.nn.functional.cross_entropy(logits, torch.zeros(8, dtype=torch.long))
    gradients = torch.autograd.grad(expected, list(moco.query.parameters()))
    right = int((logits.argmax(1) == 0).sum())
    total, found = moco.backward(images, keys)
    assert total / 8 == pytest.approx(expected.item(), rel=1e-5) and found == right
    for value, gradient in zip(moco.query.parameters(), gradients, strict=True):
        assert torch.allclose(value.grad, gradient, rtol=1e-3, atol=1e-6)
    assert torch.equal(moco.queue.keys[:8], keys) and moco.queue.start == 8


def test_keys_are_normalised_in_the_permuted_groups_and_come_back_in_order():
    moco = small_moco(group=4)
    images = torch.randn(8, 3, 16, 16)
    permutation = torch.tensor([5, 0, 7, 2, 1, 3, 6, 4])
    keys = moco.keys(images, permutation)
    with torch.no_grad():
        first = moco.key(images[permutation[:4]])
        second = moco.key(images[permutation[4:]])
        plain = moco.key(images[:4])
    assert torch.allclose(keys[permutation], torch.cat([first, second]), atol=1e-5)
    assert not torch.allclose(keys[:4], plain, atol=1e-3)  # other groups, other statistics


def test_state_restores_everything():
    one, other = small_moco(), small_moco()
    images = torch.randn(8, 3, 16, 16)
    one.backward(images, one.keys(images, torch.arange(8)))
    with torch.no_grad():
        next(one.query.parameters()).add_(1.0)
    other.restore(one.state())
    for a, b in ((one.query, other.query), (one.key, other.key)):
        assert all(torch.equal(x, y) for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True))
    assert torch.equal(one.queue.keys, other.queue.keys) and other.queue.start == 8
