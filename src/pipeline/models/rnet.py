"""RNet (Moradi et al., slides): three convolutions with pooling, dropout, three dense layers.

The slides print 8,576 inputs of the first dense layer, which is what 1209 to 1216 pixels leave; with the 2000 pixels of
their own preparation it is 21,120. Here it follows the input.
"""

import torch
import torch.nn.functional as F
from torch import nn

from pipeline.errors import PipelineError
from pipeline.models.drop import Dropout
from pipeline.models.fft_conv import Conv1d
from pipeline.models.initial import initialize


class RNet(nn.Module):
    """From prepared spectra (N, pixels) to (N, outputs).

    Parameters
    ----------
    pixels : int
    channels, kernels : tuple
        Of each convolution; every one is followed by ReLU and a maximum over pairs of pixels.
    dense : tuple
        Widths of the hidden fully connected layers.
    dropout : float
        Share of the features that a training step leaves away.
    outputs : int
        Values at the end: one is the slides' redshift.
    """

    def __init__(
        self,
        pixels: int = 2000,
        channels: tuple[int, ...] = (32, 16, 128),
        kernels: tuple[int, ...] = (200, 200, 20),
        dense: tuple[int, ...] = (900, 100),
        dropout: float = 0.5,
        outputs: int = 1,
    ):
        super().__init__()
        self.convolutions = nn.ModuleList()
        of, length = 1, pixels
        for out, kernel in zip(channels, kernels, strict=True):
            self.convolutions.append(Conv1d(of, out, kernel))
            of, length = out, (length - kernel + 1) // 2
        if length < 1:
            raise PipelineError(
                "the input has too few pixels for these kernels",
                where="size.kernels of rnet",
                value=f"{pixels} pixels, kernels {kernels}",
                next="shorter kernels, or a smaller input.rebin",
            )
        self.dropout = Dropout(dropout)
        sizes = (of * length, *dense)
        self.dense = nn.ModuleList(nn.Linear(a, b) for a, b in zip(sizes[:-1], sizes[1:], strict=True))
        self.head = nn.Linear(sizes[-1], outputs)

    def forward(self, spectra: torch.Tensor) -> torch.Tensor:
        x = spectra[:, None]
        for convolve in self.convolutions:
            x = F.max_pool1d(F.relu(convolve(x)), 2)
        x = self.dropout(x.flatten(1))
        for layer in self.dense:
            x = F.relu(layer(x))
        return self.head(x)


def build(size: dict, pixels: int, outputs: int, generator: torch.Generator) -> RNet:
    """Return a network with He's weights; `size` holds channels, kernels, dense and dropout."""
    plain = {name: tuple(value) if isinstance(value, list | tuple) else value for name, value in size.items()}
    network = RNet(pixels, **plain, outputs=outputs)
    initialize(network, generator, he=True)
    return network
