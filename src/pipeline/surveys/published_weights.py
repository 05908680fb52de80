"""Weights of an encoder that was trained elsewhere.

Two layouts are met: names of torchvision's residual networks as they are, and the same after a prefix, as in the MoCo
checkpoints of Stein et al. (`encoder_q.`), of the original MoCo (`module.encoder_q.`) and of Lightning (in a dictionary
`state_dict`). The projection head (`fc.`) is left away: embeddings are what precedes it.

| input | behaviour |
|---|---|
| missing, truncated, not torch's format, or with objects other than tensors and plain values | refused and named |
| no name with the prefix | refused; prefixes that the file has are listed |
| a name or a shape that the network does not have, or one that is missing | refused with the name |
| values that are not finite | refused with the name |
"""

import argparse
import pickle
from collections.abc import Mapping
from pathlib import Path

import torch

from pipeline.surveys.unreadable import UnreadableFile

HEAD = "fc."


def read_weights(path: Path, prefix: str, expected: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return the state of an encoder.

    Parameters
    ----------
    path : Path
    prefix : str
        What precedes torchvision's names; may be empty.
    expected : mapping
        State of the network that the settings describe: names and shapes.

    Raises
    ------
    UnreadableFile
        See the table of the module.
    """
    content = _load(path)
    state = content.get("state_dict", content.get("state", content))
    tensors = {name: value for name, value in state.items() if isinstance(value, torch.Tensor)}
    given = {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
    given = {name: value for name, value in given.items() if not name.startswith(HEAD)}
    if "conv1.weight" not in given:
        found = {name.removesuffix("conv1.weight") for name in tensors if name.endswith("conv1.weight")}
        raise UnreadableFile(
            "no weights of a residual network after this prefix",
            where=path,
            value=repr(prefix),
            allowed=[repr(name) for name in sorted(found, key=len)[:4]],
        )
    # Older checkpoints do not count the batches that made their statistics; the count has no effect on embeddings.
    optional = {name for name in expected if name.endswith("num_batches_tracked")}
    missing = sorted(set(expected) - set(given) - optional)
    foreign = sorted(set(given) - set(expected))
    if missing or foreign:
        raise UnreadableFile(
            "the weights are those of another network",
            where=path,
            value=f"missing: {', '.join(missing[:3]) or 'none'}; unknown: {', '.join(foreign[:3]) or 'none'}",
            allowed="the network that `network` of the encoder's settings describes",
        )
    out = {}
    for name, tensor in expected.items():
        value = given.get(name, tensor)
        if value.shape != tensor.shape:
            shapes = {"value": tuple(value.shape), "allowed": tuple(tensor.shape)}
            raise UnreadableFile("weights of another shape", where=f"{path}: {name}", **shapes)
        if value.is_floating_point() and not torch.isfinite(value).all():
            raise UnreadableFile("weights that are not finite", where=f"{path}: {name}")
        out[name] = value.to(tensor.dtype)
    return out


def _load(path: Path) -> dict:
    """Return the content of a checkpoint. Only tensors and plain values are unpickled, so that no file can run code."""
    try:
        with torch.serialization.safe_globals([argparse.Namespace]):  # Lightning stores its options so
            content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise UnreadableFile("file not found", where=path) from None
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError, ValueError, KeyError) as error:
        raise UnreadableFile(
            "these weights cannot be read",
            where=path,
            value=str(error).splitlines()[0][:200],
            allowed="a file of torch.save that holds tensors and plain values",
        ) from None
    if not isinstance(content, dict):
        raise UnreadableFile("these weights cannot be read", where=path, value=type(content).__name__, allowed="dict")
    return content
