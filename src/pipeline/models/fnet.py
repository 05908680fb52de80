"""FNet (Rastegarnia et al. 2022, §3.2): a residual network with long kernels, from a spectrum to its redshift.

The paper's text, its Fig. 2 and its published code disagree. The text has 24 convolutions of 32 or 64 channels in 8
blocks of three; the figure has 24 residual blocks of two convolutions, 21 of them with 32 channels, then one each with
64, 32 and 16; the code has 8 blocks of three with 32 (five), 64, 32 and 1 channels. Text and code agree but for the
last block, so the code's network is the default. The figure's channels are `FIGURE_2`, in blocks of the same three
convolutions: which kernel of the three its blocks leave away is not said.
"""

import torch
import torch.nn.functional as F
from torch import nn

from pipeline.errors import PipelineError
from pipeline.models.fft_conv import Conv1d
from pipeline.models.initial import initialize

CODE = (32, 32, 32, 32, 32, 64, 32, 1)
FIGURE_2 = (*[32] * 21, 64, 32, 16)


class Block(nn.Module):
    """Convolutions with batch norm and ReLU beside a shortcut, (N, channels, L) to (N, out, L).

    The kernels are padded by half their length, but the last one by so much that the length comes out as it went in.
    With kernels of 500, 200 and 15 pixels the last padding is 6 (the published code's).
    """

    def __init__(self, channels: int, out: int, kernels: tuple[int, ...]):
        super().__init__()
        self.convolutions, self.norms = nn.ModuleList(), nn.ModuleList()
        grown, of = 0, channels
        for number, kernel in enumerate(kernels):
            last = number == len(kernels) - 1
            # Half a kernel at both ends makes an even one's output a pixel longer than its input.
            padding = (kernel - 1 - grown) // 2 if last else kernel // 2
            grown += 2 * padding - kernel + 1
            self.convolutions.append(Conv1d(of, out, kernel, padding=padding))
            self.norms.append(nn.BatchNorm1d(out))
            of = out
        if grown or padding < 0:
            raise PipelineError(
                "these kernels of a block cannot keep the length of a spectrum",
                where="size.kernels of fnet",
                value=kernels,
                next="make the last kernel longer or shorter by one",
            )
        self.shortcut = nn.Conv1d(channels, out, 1) if channels != out else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = x
        for number, (convolve, norm) in enumerate(zip(self.convolutions, self.norms, strict=True)):
            y = norm(convolve(y))
            if number < len(self.norms) - 1:
                y = F.relu(y)
        return F.relu(y + (x if self.shortcut is None else self.shortcut(x)))


class FNet(nn.Module):
    """From prepared spectra (N, pixels) to (N, outputs); 10,171,944 parameters with the defaults.

    Parameters
    ----------
    pixels : int
    channels : tuple
        Of each residual block.
    kernels : tuple
        Of the convolutions within a block.
    dense : tuple
        Widths of the hidden fully connected layers.
    outputs : int
        Values at the end: one is the paper's scaled redshift.
    """

    def __init__(
        self,
        pixels: int = 4618,
        channels: tuple[int, ...] = CODE,
        kernels: tuple[int, ...] = (500, 200, 15),
        dense: tuple[int, ...] = (796, 199),
        outputs: int = 1,
    ):
        super().__init__()
        widths = (1, *channels)
        self.blocks = nn.Sequential(*[Block(a, b, kernels) for a, b in zip(widths[:-1], widths[1:], strict=True)])
        sizes = (pixels * channels[-1], *dense)
        self.dense = nn.ModuleList(nn.Linear(a, b) for a, b in zip(sizes[:-1], sizes[1:], strict=True))
        self.head = nn.Linear(sizes[-1], outputs)

    def forward(self, spectra: torch.Tensor) -> torch.Tensor:
        x = self.blocks(spectra[:, None]).flatten(1)
        for layer in self.dense:
            x = F.relu(layer(x))
        return self.head(x)


def build(size: dict, pixels: int, outputs: int, generator: torch.Generator) -> FNet:
    """Return a network with weights drawn as the paper says (He, normal); `size` holds channels, kernels and dense."""
    network = FNet(pixels, **{name: tuple(value) for name, value in size.items()}, outputs=outputs)
    initialize(network, generator, he=True)
    return network
