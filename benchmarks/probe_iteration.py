"""One evaluation of the probe's function and gradient beside the two products that it cannot do without."""

import statistics
import time

import torch

from pipeline.learn.probe import Objective

ROWS, FEATURES, ROUNDS = 20_000, 512, 25
GOAL = 1.2


def _seconds(call) -> float:
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


def probe_row(rows: int = ROWS, features: int = FEATURES, rounds: int = ROUNDS, threads: int = 1) -> dict:
    """Return the row `probe_iteration`: seconds of an evaluation, and of `X @ w` and `X.T @ r`, both by torch.

    Ours and the peer's take turns, on the same matrix; the ratio is the median over the turns, so that what else the
    machine does weighs on both.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    generator = torch.Generator().manual_seed(1)
    matrix = torch.randn(rows, features, generator=generator)
    labels = (torch.rand(rows, generator=generator) < 0.02).float()
    objective = Objective(matrix, labels, 1e-3)
    parameters = torch.randn(features + 1, generator=generator, dtype=torch.float64) * 0.02
    weight, residual = parameters[:-1].float(), labels - 0.02

    def ours():
        objective(parameters)

    def peer():
        torch.mv(matrix, weight)
        torch.mv(matrix.T, residual)

    ours(), peer()
    pairs = [(_seconds(ours), _seconds(peer)) for _ in range(rounds)]
    torch.set_num_threads(before)
    return {
        "name": "probe_iteration",
        "ours": statistics.median(pair[0] for pair in pairs),
        "peer": statistics.median(pair[1] for pair in pairs),
        "limit": None,
        "unit": f"s for {rows} x {features}",
        "ratio": statistics.median(pair[0] / pair[1] for pair in pairs),
        "goal": f"<= {GOAL}",
    }
