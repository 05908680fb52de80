"""Encoders: built from their settings, described in their weights file."""

from pathlib import Path

import torch

from pipeline.data import random
from pipeline.errors import PipelineError
from pipeline.learn import checkpoints
from pipeline.learn.device import generator
from pipeline.models.resnet import ResNet
from pipeline.settings.encoders import Network, View


def build(network: Network, seed: int) -> ResNet:
    """Return a network with random weights: those of one seed are the same for every encoder of the same shape."""
    return ResNet(network.name, network.width, network.stem, generator(random.stream(seed, "encoder", "weights")))


def save(path: Path, encoder_state: dict, network: Network, view: View) -> None:
    """Write an encoder: its weights, what network they belong to and what it sees."""
    checkpoints.save_weights(path, encoder_state, {"network": network.plain(), "view": view.plain()})


def load(path: Path, device: torch.device) -> tuple[ResNet, View]:
    """Read an encoder for use: on the device, in evaluation mode.

    Raises
    ------
    PipelineError
        The file is broken, or its weights do not fit the network that it names.
    """
    state, about = checkpoints.load_weights(path)
    try:
        network, view = Network.parse(about["network"], where=path), View.parse(about["view"], where=path)
        encoder = ResNet(network.name, network.width, network.stem)
        encoder.load_state_dict(state)
    except (KeyError, RuntimeError) as error:
        raise PipelineError(
            "the weights do not fit the encoder that the file names", where=path, value=str(error).strip()
        ) from None
    encoder.eval().requires_grad_(False)
    return encoder.to(device, memory_format=torch.channels_last), view
