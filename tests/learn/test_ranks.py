"""Ranks of a training against one process: the same mathematics, in double precision."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from pipeline.errors import PipelineError
from pipeline.learn.ranks import ALONE, Ranks

PROGRAM = Path(__file__).with_name("ranks_program.py")


def made_by(n: int, target: Path) -> dict:
    """Run the program as n ranks, as torchrun starts them; return what rank 0 stored."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    common = {**os.environ, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "PYTHONWARNINGS": "default"}
    running = [
        subprocess.Popen(
            [sys.executable, PROGRAM, target],
            env={**common, "RANK": str(rank), "WORLD_SIZE": str(n), "LOCAL_RANK": str(rank)},
        )
        for rank in range(n)
    ]
    assert [one.wait(120) for one in running] == [0] * n
    return torch.load(target, weights_only=True)


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    return made_by(1, tmp_path_factory.mktemp("one") / "made.pt")


@pytest.mark.parametrize("n", [2, 4])
def test_ranks_take_the_steps_of_one_process(alone, tmp_path, n):
    found = made_by(n, tmp_path / "made.pt")
    for kind, expected in alone.items():
        assert found[kind].keys() == expected.keys()
        for name, value in expected.items():
            torch.testing.assert_close(found[kind][name], value, rtol=1e-9, atol=1e-11)
    assert alone["moco"]["losses"][0, 0] != alone["moco"]["losses"][-1, 0]


def test_ranks_hold_whole_groups():
    Ranks(1, 4).check(32, 8, "here")
    with pytest.raises(PipelineError, match="4 groups of 8 images, 3 ranks"):
        Ranks(0, 3).check(32, 8, "here")
    assert [Ranks(rank, 4).part(32) for rank in (0, 3)] == [slice(0, 8), slice(24, 32)]


def test_one_process_exchanges_nothing():
    network = nn.BatchNorm2d(2)
    values = torch.randn(3, 2)
    assert ALONE.gather(values) is values and ALONE.sum([1.5], values.device) == [1.5]
    assert ALONE.any(True, values.device) and not ALONE.any(False, values.device)
    before = network.running_mean.clone()
    statistics = ALONE.statistics(network, 3)
    network(torch.randn(4, 2, 3, 3))
    after = network.running_mean.clone()
    statistics.combine()
    assert torch.equal(network.running_mean, after) and not torch.equal(before, after)
