"""Two ranks make what one process makes: the same bytes where files are shared, the same training up to rounding."""

import csv
import os
import socket
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from stages import test_encoders, test_models, test_similarity

from pipeline.data.manifests import read_manifest
from pipeline.learn.checkpoints import load_weights

MPIEXEC = Path(sys.executable).with_name("mpiexec")
# Rounding of float32, carried through some tens of steps.
TOLERANCE = 2e-4
pytestmark = pytest.mark.skipif(not MPIEXEC.exists(), reason="mpiexec (extra `mpi-local`) is not installed")
encoders, models = test_encoders.run, test_models.run  # the small runs of those tests, as fixtures of this module


class Recorder:
    """In the place of a stage's module: it keeps the arguments with which the stage would run."""

    def __init__(self):
        self.words: list[str] = []

    def main(self, words: list[str]) -> int:
        self.words = words
        return 0


def by_mpi(stage: str, words: list[str], n: int = 2, **environment) -> subprocess.CompletedProcess:
    """Run a stage as n ranks of mpiexec."""
    command = [MPIEXEC, "-n", str(n), sys.executable, "-m", f"pipeline.stages.{stage}", *words]
    environment = {**os.environ, "PYTHONWARNINGS": "default", **environment}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=200, check=False)


def by_torchrun(stage: str, words: list[str], n: int = 2) -> list[int]:
    """Run a stage as n processes with the environment that torchrun gives; return their exit statuses."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    common = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": str(n), "GLOO_SOCKET_IFNAME": "lo"}
    running = []
    for rank in range(n):
        environment = {**os.environ, **common, "RANK": str(rank), "LOCAL_RANK": str(rank), "PYTHONWARNINGS": "default"}
        running.append(subprocess.Popen([sys.executable, "-m", f"pipeline.stages.{stage}", *words], env=environment))
    return [one.wait(200) for one in running]


def arguments(monkeypatch, module, name: str, call) -> list[str]:
    """Return the arguments that a test module would give to one of its stages."""
    recorder = Recorder()
    with monkeypatch.context() as patch:
        patch.setattr(module, name, recorder)
        assert call() == 0
    return recorder.words


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def curves(folder: Path) -> list[dict[str, str]]:
    with (folder / "history.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def assert_same_training(one: Path, two: Path) -> None:
    """The curves agree within the tolerance, and so do the weights; something was really trained."""
    first, second = curves(one), curves(two)
    assert len(first) == len(second) > 1
    for row, other in zip(first, second, strict=True):
        for name in row:
            expected = pytest.approx(float(other[name]), rel=TOLERANCE, abs=TOLERANCE, nan_ok=True)
            assert float(row[name]) == expected, name
    assert first[0]["loss"] != first[-1]["loss"]
    (weights, about), (others, about_others) = (load_weights(folder / "weights.pt") for folder in (one, two))
    assert about == about_others and weights.keys() == others.keys()
    for name, value in weights.items():
        np.testing.assert_allclose(value.numpy(), others[name].numpy(), rtol=2e-2, atol=2e-3, err_msg=name)


@pytest.mark.parametrize("launcher", ["mpi", "torchrun"])
def test_pretraining(encoders, monkeypatch, launcher):
    name = f"ranks-{launcher}"
    words = arguments(monkeypatch, test_encoders, "pretrain", lambda: encoders.pretrain(name))
    # The name of an encoder is a matter of records only; weights and curve have places of their own.
    if launcher == "mpi":
        done = by_mpi("pretrain", words)
        assert done.returncode == 0, done.stderr
    else:
        assert by_torchrun("pretrain", words) == [0, 0]
    assert_same_training(encoders.images / "encoders/moco", encoders.images / f"encoders/{name}")
    lines = (encoders.folder / "stage.rank1.log").read_text().splitlines()
    assert all(word in lines[0] for word in ("rank=1 of 2", "device=cpu", "host="))
    assert "status=0" in lines[-1]


def test_a_finder(models, monkeypatch):
    images, _ = models
    # With fewer images in a group the batch norms of this network amplify rounding.
    changes = {"group": 8, "learning_rate": 5e-4}
    assert test_models.train_network(images, "one", **changes) == 0
    two = partial(test_models.train_network, images, "two", **changes)
    words = arguments(monkeypatch, test_models, "train_finder", two)
    done = by_mpi("train_finder", words)
    assert done.returncode == 0, done.stderr
    assert_same_training(images / "one", images / "two")


def test_ranks_that_do_not_fit_the_groups_are_refused_and_none_waits_for_ever(models, monkeypatch):
    images, _ = models
    words = arguments(monkeypatch, test_models, "train_finder", lambda: test_models.train_network(images, "three"))
    done = by_mpi("train_finder", words)
    assert done.returncode != 0 and "1 groups of 16 images, 2 ranks" in done.stderr
    assert not (images / "three").exists()


@pytest.mark.parametrize("ranks", [2, 3])  # three ranks for two shards: one has nothing to do
def test_embeddings(encoders, monkeypatch, ranks):
    expected = files(encoders.images / "embeddings/moco")
    words = arguments(monkeypatch, test_encoders, "embed", encoders.embed)
    text = [word.replace("embeddings/moco", f"r{ranks}/embeddings/moco") for word in words]
    done = by_mpi("embed", text, ranks)
    assert done.returncode == 0, done.stderr
    found = files(encoders.images / f"r{ranks}/embeddings/moco")
    assert found == expected
    manifest = read_manifest(encoders.images / f"r{ranks}/embeddings/moco/t1-b0000.json")
    assert [entry.shard for entry in manifest.shards] == ["s0", "s1"]


def test_neighbours(tmp_path, monkeypatch):
    parts = [("b0", [np.arange(0, 100), np.arange(100, 170)]), ("b1", [np.arange(170, 300)])]
    manifests = test_similarity.write_batches(tmp_path, parts)
    test_similarity.call(tmp_path, manifests, "one", "work-one")
    two = partial(test_similarity.call, tmp_path, manifests, "two", "work-two")
    words = arguments(monkeypatch, test_similarity, "similarity", lambda: two()[0])
    done = by_mpi("similarity", words)
    assert done.returncode == 0, done.stderr
    assert len(files(tmp_path / "one/moco")) == 4 and files(tmp_path / "one/moco") == files(tmp_path / "two/moco")


def test_a_rank_that_fails_ends_all(encoders, monkeypatch):
    words = arguments(monkeypatch, test_encoders, "embed", encoders.embed)
    bad = encoders.images / "embeddings/bad/t1-b0000.json"
    text = [word.replace("embeddings/moco", "embeddings/bad") for word in words]
    shard = encoders.images / "shards/s1.h5"
    content = shard.read_bytes()
    shard.write_bytes(content[:2000])
    try:
        done = by_mpi("embed", text)
    finally:
        shard.write_bytes(content)
    assert done.returncode != 0 and not bad.exists()


def test_ranks_that_mpi_does_not_join_say_so_and_do_nothing(encoders, monkeypatch):
    words = [
        word.replace("embeddings/moco", "embeddings/apart")
        for word in arguments(monkeypatch, test_encoders, "embed", encoders.embed)
    ]
    ranks = {"SLURM_PROCID": "0", "SLURM_STEP_NUM_TASKS": "2", "SLURM_LOCALID": "0"}
    done = subprocess.run(
        [sys.executable, "-m", "pipeline.stages.embed", *words],
        env={**os.environ, "PYTHONWARNINGS": "default", **ranks},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 2 and "1 in MPI, 2 started" in done.stderr and "Traceback" not in done.stderr
    assert not (encoders.images / "embeddings/apart/t1-b0000.json").exists()
