"""One convolution through FFTs beside torch's direct one, for layers of the redshift networks and smaller ones.

    python benchmarks/fft_layers.py [--device cpu|cuda]

The rule of `models.fft_conv.choose` was taken from this table: ratios above 1 are for FFTs.
"""

import argparse
import statistics
import time

import torch
import torch.nn.functional as F
from torch import nn

from pipeline.models.fft_conv import choose, fft_conv1d

BATCH, ROUNDS = 16, 3
# length, in, out, kernel, padding
LAYERS = [
    (4618, 1, 32, 500, 250), (4618, 32, 32, 200, 100), (4618, 32, 32, 15, 6), (4618, 32, 64, 15, 6),
    (4618, 32, 1, 500, 250), (4618, 1, 1, 200, 100), (4618, 1, 1, 15, 6), (2000, 1, 32, 200, 0),
    (900, 32, 16, 200, 0), (350, 16, 128, 20, 0), (4618, 32, 32, 30, 15), (4618, 1, 32, 50, 25),
    (1000, 8, 8, 10, 5), (1000, 8, 8, 50, 25), (1000, 8, 8, 100, 50), (461, 4, 4, 15, 7), (461, 4, 4, 50, 25),
]  # fmt: skip


def _seconds(call, device: torch.device) -> float:
    begin = time.perf_counter()
    call()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - begin


def _ratio(fft, direct, device: torch.device) -> float:
    """Let both take turns after a first one; return how many times as long the direct one takes, the median."""
    fft(), direct()
    return statistics.median(_seconds(direct, device) / _seconds(fft, device) for _ in range(ROUNDS))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    device = torch.device(parser.parse_args().device)
    print(f"{'length':>6} {'in':>3} {'out':>3} {'kernel':>6}  {'inference':>9} {'training':>9}  chosen")
    for length, channels, out, kernel, padding in LAYERS:
        layer = nn.Conv1d(channels, out, kernel, padding=padding, device=device)
        x = torch.randn(BATCH, channels, length, device=device, requires_grad=True)

        def fft(x=x, layer=layer, padding=padding):
            return fft_conv1d(x, layer.weight, layer.bias, padding)

        def direct(x=x, layer=layer, padding=padding):
            return F.conv1d(x, layer.weight, layer.bias, padding=padding)

        with torch.inference_mode():
            inference = _ratio(fft, direct, device)
        steps = [lambda forward=forward: forward().sum().backward() for forward in (fft, direct)]
        training = _ratio(*steps, device)
        chosen = choose(layer, length, device)
        print(f"{length:6} {channels:3} {out:3} {kernel:6}  {inference:9.2f} {training:9.2f}  {chosen}", flush=True)


if __name__ == "__main__":
    main()
