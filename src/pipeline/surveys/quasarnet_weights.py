"""Published weights of QuasarNET: HDF5 files that Keras wrote, as QuasarNP reads them.

The group `model_weights` has a group a layer, and in it one of the same name with the arrays: `conv_1` and on
(kernel:0, bias:0), `fc_common` (the same), `batch_normalization_1` and on, or from `batch_normalization` on, one more
than convolutions (gamma:0, beta:0, moving_mean:0, moving_variance:0), `fc_box_0` and `fc_offset_0` and on, one each a
head. An empty layer `lambda` stands for the offsets' mapping to -0.1 ... 1.1. Keras keeps kernels as (pixels, in, out).

| input | behaviour |
|---|---|
| missing, no HDF5, or without such groups | refused and named |
| a layer or an array that is missing, or of another shape than the layer before asks for | refused with the name |
| no layer `lambda` | refused: its offsets mean something else |
| a number of pixels or a padding that is neither variant's | refused |
| values that are not finite | refused with the name |
"""

import re
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import torch

from pipeline.surveys.unreadable import UnreadableFile

HEADS, BOXES, KERNEL, STRIDE = 7, 13, 10, 2
# Pixels of the two grids: uniform in log wavelength, and linear.
PIXELS = (443, 458)
NORM = {"gamma": "weight", "beta": "bias", "moving_mean": "running_mean", "moving_variance": "running_var"}


@dataclass(frozen=True)
class Published:
    """Weights of a published network, and what network they belong to.

    Attributes
    ----------
    size : dict
        Arguments layers, same, filters, dense of the network.
    pixels : int
        443 (the grid quasarnet) or 458 (quasarnet_linear).
    state : dict
        Names and tensors of `models.quasarnet.QuasarNet`.
    """

    size: dict
    pixels: int
    state: dict[str, torch.Tensor]


class _File:
    def __init__(self, path: Path, groups: h5py.Group):
        self.path, self.groups = path, groups

    def array(self, layer: str, name: str, shape: tuple[int | None, ...]) -> torch.Tensor:
        """Return an array of a layer, whose shape is known but where it says None."""
        where = f"{self.path}: {layer}/{name}"
        try:
            values = np.asarray(self.groups[layer][layer][f"{name}:0"], dtype=np.float32)
        except KeyError:
            raise UnreadableFile("weights are missing", where=where) from None
        fits = values.ndim == len(shape)
        if not fits or any(wanted not in (None, found) for found, wanted in zip(values.shape, shape, strict=True)):
            raise UnreadableFile("weights of another shape", where=where, value=values.shape, allowed=shape)
        if not np.isfinite(values).all():
            raise UnreadableFile("weights that are not finite", where=where)
        return torch.from_numpy(values)

    def norm(self, number: int, channels: int, as_name: str) -> dict[str, torch.Tensor]:
        """Return a batch norm, counted from 0."""
        first = 0 if "batch_normalization" in self.groups else 1
        label = number + first
        layer = f"batch_normalization_{label}" if label else "batch_normalization"
        arrays = {f"{as_name}.{ours}": self.array(layer, theirs, (channels,)) for theirs, ours in NORM.items()}
        # Not in Keras's files; it has no effect at this momentum.
        return {**arrays, f"{as_name}.num_batches_tracked": torch.tensor(0)}


def read_weights(path: Path) -> Published:
    """Return the weights of a file.

    Raises
    ------
    UnreadableFile
        See the table of the module.
    """
    try:
        with h5py.File(path, "r") as file:
            if "model_weights" not in file:
                raise UnreadableFile("no weights of QuasarNET", where=path, value=sorted(file), allowed="model_weights")
            return _read(_File(path, file["model_weights"]))
    except FileNotFoundError:
        raise UnreadableFile("file not found", where=path) from None
    except OSError as error:
        raise UnreadableFile("these weights cannot be read", where=path, value=str(error).splitlines()[0]) from None


def _read(file: _File) -> Published:
    layers = sum(re.fullmatch(r"conv_\d+", name) is not None for name in file.groups)
    if not layers:
        raise UnreadableFile("no convolutions", where=file.path, value=sorted(file.groups), allowed="conv_1, ...")
    if "lambda" not in file.groups:
        raise UnreadableFile(
            "offsets that do not reach beyond their box", where=file.path, value="no layer lambda", allowed="lambda"
        )
    state: dict[str, torch.Tensor] = {}
    channels = 1
    for number in range(layers):
        layer, ours = f"conv_{number + 1}", f"convolutions.{number}"
        kernel = file.array(layer, "kernel", (KERNEL, channels, None))
        channels = kernel.shape[2]
        state[f"{ours}.weight"] = kernel.permute(2, 1, 0).contiguous()
        state[f"{ours}.bias"] = file.array(layer, "bias", (channels,))
        state |= file.norm(number, channels, f"norms.{number}")
    common = file.array("fc_common", "kernel", (None, None))
    dense = common.shape[1]
    state["dense.weight"], state["dense.bias"] = common.T.contiguous(), file.array("fc_common", "bias", (dense,))
    state |= file.norm(layers, dense, "norm")
    heads = [(f"fc_{part}_{head}", dense) for head in range(HEADS) for part in ("box", "offset")]
    state["head.weight"] = torch.cat([file.array(name, "kernel", (width, BOXES)).T for name, width in heads])
    state["head.bias"] = torch.cat([file.array(name, "bias", (BOXES,)) for name, _ in heads])
    pixels, same = _input(file, layers, common.shape[0], channels)
    return Published({"layers": layers, "same": same, "filters": channels, "dense": dense}, pixels, state)


def _input(file: _File, layers: int, flat: int, channels: int) -> tuple[int, bool]:
    """Return pixels of the input and whether it is padded, from the number of features that the dense layer takes."""
    found = {}
    for pixels in PIXELS:
        for same in (False, True):
            length = pixels
            for _ in range(layers):
                length = -(-length // STRIDE) if same else (length - KERNEL) // STRIDE + 1
            found[pixels, same] = length * channels
    fitting = [key for key, size in found.items() if size == flat]
    if len(fitting) > 1:  # tell the grids apart by what newer files say of them
        linear = file.groups.file.attrs.get("grid_spacing", "logarithmic") in ("linear", b"linear")
        fitting = [(pixels, same) for pixels, same in fitting if (pixels == PIXELS[1]) == linear]
    if len(fitting) != 1:
        raise UnreadableFile(
            "a dense layer that fits neither variant of QuasarNET",
            where=f"{file.path}: fc_common",
            value=f"{flat} features of {layers} layers of {channels} filters",
            allowed=sorted(set(found.values())),
        )
    return fitting[0]
