"""Ranks of a redshift training against one process: the same mathematics, with dropout, in double precision."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import torch

PROGRAM = Path(__file__).with_name("redshift_ranks_program.py")


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


def test_two_ranks_take_the_steps_of_one_process(tmp_path):
    alone, two = made_by(1, tmp_path / "one.pt"), made_by(2, tmp_path / "two.pt")
    assert alone.keys() == two.keys()
    for name, value in alone.items():
        torch.testing.assert_close(two[name], value, rtol=1e-6, atol=1e-8)
    assert alone["norm.num_batches_tracked"] == 12
