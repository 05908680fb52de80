"""QuasarNET (Busca & Balland 2018, §3): strided convolutions; for each line the box in which it stands, and where.

Two variants are in use: four layers without padding (the paper's; 520,882 trainable parameters), and six with padding
and dropout (DESI's; 591,482). Features are flattened with the position first and the channel last, as the published
weights expect.
"""

import torch
import torch.nn.functional as F
from torch import nn

from pipeline.errors import PipelineError
from pipeline.models.drop import Dropout
from pipeline.models.initial import initialize

LINES, BOXES = 7, 13
KERNEL, STRIDE = 10, 2
# TensorFlow's "same": four zeros on the left and as many as needed, four or five, on the right.
SAME = (4, 5)
# Offsets reach a little beyond their box: -0.1 to 1.1 of its width.
OFFSET_LOW, OFFSET_RANGE = -0.1, 1.2


class QuasarNet(nn.Module):
    """From prepared spectra (N, pixels) to (N, lines, 2, boxes): logits of the boxes, and of the offsets within them.

    Parameters
    ----------
    pixels : int
    layers : int
        Convolutions of 10 pixels with stride 2.
    same : bool
        Pad as TensorFlow's "same" does (the six-layer variant).
    filters, dense : int
        Channels of each convolution; width of the layer before the heads.
    dropout : float
        After each convolution.
    """

    def __init__(
        self,
        pixels: int = 443,
        layers: int = 4,
        same: bool = False,
        filters: int = 100,
        dense: int = 100,
        dropout: float = 0.0,
    ):
        super().__init__()
        self.padding = SAME if same else (0, 0)
        self.convolutions, self.norms = nn.ModuleList(), nn.ModuleList()
        length = pixels
        for number in range(layers):
            self.convolutions.append(nn.Conv1d(filters if number else 1, filters, KERNEL, stride=STRIDE))
            self.norms.append(_norm(filters))
            length = (length + sum(self.padding) - KERNEL) // STRIDE + 1
        if length < 1:
            raise PipelineError(
                "the input has too few pixels for so many layers",
                where="size.layers of quasarnet",
                value=f"{pixels} pixels, {layers} layers",
                next="fewer layers, or `same: true`",
            )
        self.dropout = Dropout(dropout)
        self.dense = nn.Linear(filters * length, dense)
        self.norm = _norm(dense)
        self.head = nn.Linear(dense, LINES * 2 * BOXES)

    def forward(self, spectra: torch.Tensor) -> torch.Tensor:
        x = spectra[:, None]
        for convolve, norm in zip(self.convolutions, self.norms, strict=True):
            x = self.dropout(F.relu(norm(convolve(F.pad(x, self.padding)))))
        x = F.relu(self.norm(self.dense(x.transpose(1, 2).flatten(1))))
        return self.head(x).view(-1, LINES, 2, BOXES)


def _norm(channels: int) -> nn.BatchNorm1d:
    """Return a batch norm with Keras's constants, whose momentum is one minus torch's."""
    return nn.BatchNorm1d(channels, eps=1e-3, momentum=0.01)


def boxes_of(raw: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return confidences and offsets, each (N, lines, boxes), of what the network gives."""
    return torch.sigmoid(raw[:, :, 0]), OFFSET_LOW + OFFSET_RANGE * torch.sigmoid(raw[:, :, 1])


def build(size: dict, pixels: int, generator: torch.Generator) -> QuasarNet:
    """Return a network with Glorot's weights; `size` holds layers, same, filters, dense and dropout."""
    network = QuasarNet(pixels, **size)
    initialize(network, generator, he=False)
    return network
