"""Convolution of spectra with long kernels through real FFTs, with the weights and the result of `nn.Conv1d`.

A spectrum is cut into overlapping blocks (overlap-save); a block's transform times the kernel's, summed over the
input's channels, is one small product of complex matrices for each frequency. Beside a transform of the whole spectrum,
shorter blocks make the kernels' transforms cheaper, of which there are (channels in) x (channels out): much of the cost
of a training step. Gradients are the same products with the factors exchanged. The rounding errors are smaller than
those of direct sums in float32.
"""

from functools import cache

import torch
import torch.nn.functional as F
from torch import nn

# kernel x (the fewer of the channels in and out) from which FFTs are the faster way, by type of the device and by
# whether the channels out fill the vector registers that oneDNN's direct kernels are made for (multiples of 16), or
# not. Read off `benchmarks/fft_layers.py`, inference and training steps together, and fixed here so that no bit ever
# hangs on a timing. No GPU was at hand: its values are those of the CPU.
THRESHOLD = {"cpu": {True: 400, False: 100}, "cuda": {True: 400, False: 100}}
# Lengths whose transform the libraries compute fast: a power of two, or 3, 5 or 7 times one.
LENGTHS = sorted(factor * 2**power for factor in (1, 3, 5, 7) for power in range(5, 18))


def choose(layer: nn.Conv1d, length: int, device: torch.device) -> str:
    """Return how a layer is computed on inputs of `length` pixels: "fft" or "direct"."""
    if layer.stride != (1,) or layer.dilation != (1,) or layer.groups != 1 or isinstance(layer.padding, str):
        return "direct"
    kernel = layer.kernel_size[0]
    if length + 2 * layer.padding[0] < 2 * kernel:
        return "direct"
    work = kernel * min(layer.in_channels, layer.out_channels)
    threshold = THRESHOLD.get(device.type, THRESHOLD["cpu"])[layer.out_channels % 16 == 0]
    return "fft" if work >= threshold else "direct"


@cache
def block_length(kernel: int, out: int) -> int:
    """Return the length of a block for `out` output pixels: the least to transform, with the kernel as one block."""

    def cost(n: int) -> tuple[int, int]:
        return (-(-out // (n - kernel + 1)) + 1) * n, -n

    return min((n for n in LENGTHS if n >= kernel + min(kernel, out) - 1), key=cost)


class Blocks:
    """How inputs of `length` pixels are cut: `count` blocks of `n` pixels, each giving `step` pixels of the output."""

    def __init__(self, length: int, kernel: int, padding: int):
        self.length, self.kernel, self.padding = length, kernel, padding
        self.out = length + 2 * padding - kernel + 1
        self.n = block_length(kernel, self.out)
        self.step = self.n - kernel + 1
        self.count = -(-self.out // self.step)

    def spectrum(self, parts: torch.Tensor) -> torch.Tensor:
        """Return transforms (frequencies, N * blocks, C) of parts (N, C, blocks, <= n)."""
        batch, channels = parts.shape[:2]
        transformed = torch.fft.rfft(parts, n=self.n)
        return transformed.permute(3, 0, 2, 1).reshape(-1, batch * self.count, channels)

    def of_input(self, x: torch.Tensor) -> torch.Tensor:
        """Return the transforms of the overlapping blocks of x (N, C, length)."""
        right = (self.count - 1) * self.step + self.n - self.length - self.padding
        return self.spectrum(F.pad(x, (self.padding, right)).unfold(2, self.n, self.step))

    def of_output(self, y: torch.Tensor) -> torch.Tensor:
        """Return the transforms of the pieces of y (N, C, out), which do not overlap."""
        return self.spectrum(F.pad(y, (0, self.count * self.step - self.out)).unflatten(2, (self.count, self.step)))

    def of_kernel(self, weight: torch.Tensor) -> torch.Tensor:
        """Return the conjugate transforms (frequencies, in, out) of kernels (out, in, kernel)."""
        return torch.fft.rfft(weight, n=self.n).conj().permute(2, 1, 0).resolve_conj().contiguous()

    def back(self, spectrum: torch.Tensor, batch: int) -> torch.Tensor:
        """Return blocks (N, C, blocks, n) of transforms (frequencies, N * blocks, C)."""
        parts = spectrum.unflatten(1, (batch, self.count)).permute(1, 3, 2, 0)
        return torch.fft.irfft(parts, n=self.n)

    def output(self, inputs: torch.Tensor, kernels: torch.Tensor, batch: int) -> torch.Tensor:
        """Return (N, out channels, out) of the input's and the kernels' transforms."""
        blocks = self.back(torch.bmm(inputs, kernels), batch)[..., : self.step]
        return blocks.flatten(2)[..., : self.out]

    def input_gradient(self, outputs: torch.Tensor, kernels: torch.Tensor, batch: int) -> torch.Tensor:
        """Return (N, in channels, length) of the transforms of the output's gradient, added where blocks overlap."""
        blocks = self.back(torch.bmm(outputs, kernels.mH), batch)
        whole = blocks.new_zeros(*blocks.shape[:2], (self.count - 1) * self.step + self.n)
        for number in range(self.count):
            start = number * self.step
            whole[..., start : start + self.n] += blocks[:, :, number]
        return whole[..., self.padding : self.padding + self.length]

    def kernel_gradient(self, inputs: torch.Tensor, outputs: torch.Tensor) -> torch.Tensor:
        """Return (out channels, in channels, kernel) of the transforms of input and of the output's gradient."""
        products = torch.bmm(inputs.mT, outputs.conj())
        return torch.fft.irfft(products.permute(2, 1, 0), n=self.n)[..., : self.kernel]


class _Convolution(torch.autograd.Function):
    """Overlap-save with gradients. The input is kept, not its transform, which is larger: it is quickly made again."""

    @staticmethod
    def forward(context, x: torch.Tensor, weight: torch.Tensor, padding: int) -> torch.Tensor:
        blocks = Blocks(x.shape[2], weight.shape[2], padding)
        kernels = blocks.of_kernel(weight)
        context.blocks = blocks
        context.save_for_backward(x, kernels)
        return blocks.output(blocks.of_input(x), kernels, len(x))

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(context, gradient: torch.Tensor):
        x, kernels = context.saved_tensors
        blocks = context.blocks
        outputs = blocks.of_output(gradient)
        of_input = of_weight = None
        if context.needs_input_grad[0]:
            of_input = blocks.input_gradient(outputs, kernels, len(x))
        if context.needs_input_grad[1]:
            of_weight = blocks.kernel_gradient(blocks.of_input(x), outputs)
        return of_input, of_weight, None


def fft_conv1d(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, padding: int) -> torch.Tensor:
    """Return what `torch.nn.functional.conv1d` returns at stride 1, differentiable once.

    Parameters
    ----------
    x : (N, in, L) float32 or float64
    weight : (out, in, kernel)
    bias : (out,) or None
    padding : int
        Zeros at each end.
    """
    y = _Convolution.apply(x, weight, padding)
    return y if bias is None else y + bias[:, None]


class Conv1d(nn.Conv1d):
    """`nn.Conv1d`, same weights and names, computed the way that `choose` says.

    While no gradients are wanted the transforms of the kernels are kept; new weights make them anew.
    """

    _kept: tuple | None = None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if choose(self, x.shape[2], x.device) == "direct":
            return super().forward(x)
        if torch.is_grad_enabled():
            return fft_conv1d(x, self.weight, self.bias, self.padding[0])
        blocks = Blocks(x.shape[2], self.kernel_size[0], self.padding[0])
        y = blocks.output(blocks.of_input(x), self._kernels(blocks), len(x))
        return y if self.bias is None else y + self.bias[:, None]

    def _kernels(self, blocks: Blocks) -> torch.Tensor:
        state = (self.weight.data_ptr(), self.weight._version, blocks.n)
        if self._kept is None or self._kept[0] != state:
            self._kept = (state, blocks.of_kernel(self.weight))
        return self._kept[1]

    def __getstate__(self):
        return {name: value for name, value in super().__getstate__().items() if name != "_kept"}
