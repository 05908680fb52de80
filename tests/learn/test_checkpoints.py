"""Weights files whose bytes are those of their values; checkpoints by the clock and by identity."""

import pytest
import torch

from pipeline.errors import PipelineError
from pipeline.learn.checkpoints import Checkpoints, load_weights, save_weights


def test_bytes_do_not_depend_on_name_or_layout(tmp_path):
    values = torch.randn(4, 3, 5, 5)
    save_weights(tmp_path / "a.pt", {"w": values}, {"x": [1]})
    save_weights(
        tmp_path / "another name.bin", {"w": values.to(memory_format=torch.channels_last).requires_grad_()}, {"x": [1]}
    )
    save_weights(tmp_path / "c", {"w": torch.stack([values, values])[1]}, {"x": [1]})
    first = (tmp_path / "a.pt").read_bytes()
    assert first == (tmp_path / "another name.bin").read_bytes() == (tmp_path / "c").read_bytes()
    state, about = load_weights(tmp_path / "a.pt")
    assert torch.equal(state["w"], values) and about == {"x": [1]}


@pytest.mark.parametrize("content", [b"", b"not a file of torch", None])
def test_broken_weights_are_named(tmp_path, content):
    path = tmp_path / "weights.pt"
    if content is None:
        torch.save({"state": {}}, path)  # another program's file
    else:
        path.write_bytes(content)
    with pytest.raises(PipelineError, match="(?s)no weights of this pipeline.*weights.pt"):
        load_weights(path)
    with pytest.raises(PipelineError, match="not found"):
        load_weights(tmp_path / "none.pt")


def test_a_truncated_file_is_named(tmp_path):
    path = tmp_path / "weights.pt"
    save_weights(path, {"w": torch.randn(100, 100)}, {})
    path.write_bytes(path.read_bytes()[:20000])
    with pytest.raises(PipelineError, match="no weights of this pipeline"):
        load_weights(path)


def test_checkpoints_are_written_by_the_clock(tmp_path):
    calls = []

    def state():
        calls.append(1)
        return {"step": len(calls), "w": torch.ones(3)}

    rare = Checkpoints(tmp_path / "rare", {"a": 1}, seconds=3600)
    assert not rare.offer(state) and not calls and rare.load() is None
    always = Checkpoints(tmp_path / "always", {"a": 1}, seconds=0)
    assert always.offer(state) and always.offer(state)
    assert always.load()["step"] == 2
    assert [path.name for path in (tmp_path / "always").iterdir()] == ["state.pt"]
    always.clear()
    assert always.load() is None


def test_a_checkpoint_of_another_training_or_a_broken_one_is_not_taken(tmp_path):
    Checkpoints(tmp_path, {"lr": 0.1, "ids": [1, 2]}, seconds=0).offer(lambda: {"step": 5})
    assert Checkpoints(tmp_path, {"ids": [1, 2], "lr": 0.1}).load() == {"step": 5}
    assert Checkpoints(tmp_path, {"lr": 0.2, "ids": [1, 2]}).load() is None
    (tmp_path / "state.pt").write_bytes((tmp_path / "state.pt").read_bytes()[:-50])
    assert Checkpoints(tmp_path, {"lr": 0.1, "ids": [1, 2]}).load() is None
