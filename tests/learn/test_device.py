"""The device of a process, with and without GPUs (torch's answers stand for the machine's)."""

import pytest
import torch

from pipeline.errors import PipelineError
from pipeline.learn.device import choose


def gpus(monkeypatch, n):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: n > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: n)


def test_without_a_gpu(monkeypatch):
    gpus(monkeypatch, 0)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    assert choose("auto").type == choose("cpu").type == "cpu"
    with pytest.raises(PipelineError, match="no GPU was found") as error:
        choose("cuda")
    assert "CUDA_VISIBLE_DEVICES=1" in str(error.value) and "device: auto" in str(error.value)


def test_ranks_of_a_node_take_its_gpus_in_turn(monkeypatch):
    gpus(monkeypatch, 4)
    assert [choose("auto", rank).index for rank in range(5)] == [0, 1, 2, 3, 0]
    assert choose("cpu", 2).type == "cpu"
    gpus(monkeypatch, 1)  # the scheduler shows each rank one
    assert choose("cuda", 3).index == 0
