"""Experiments of the FNet paper: redshifts without the strong lines (§4), sweeps over the training's choices (§3.2).

Nothing is chosen on the part that judges: the last epoch counts.
"""

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import torch

from pipeline.data import random
from pipeline.errors import PipelineError
from pipeline.learn.device import generator
from pipeline.learn.redshift.labels import SPEED_OF_LIGHT, accuracy, velocity
from pipeline.learn.redshift.series import Series
from pipeline.learn.redshift.training import Spectra, Training, outputs
from pipeline.settings.spectra.estimators import FNet, RNet
from pipeline.settings.spectra.experiments import MaskedLines, Sweeps

LIMITS = (3000.0, 6000.0, 12000.0, 30000.0)  # km/s
KEPT_BLOCKS = 3  # the last ones, whose channels differ


def deal(spectrum_id: np.ndarray, groups: np.ndarray, share: float, seed: int, stage: str) -> np.ndarray:
    """Tell which spectra (N,) judge: about `share` of them, all spectra of a group together."""
    rank = random.uniform(seed, f"{stage}/deal", 0, groups, 1)[:, 0]
    order = np.lexsort((spectrum_id, groups, rank))
    count = max(1, round(share * len(order)))
    last = groups[order[count - 1]]
    judges = np.zeros(len(order), dtype=bool)
    judges[order[:count]] = True
    judges[groups == last] = True
    return judges


def drawn(spectrum_id: np.ndarray, count: int | None, seed: int, stage: str) -> np.ndarray:
    """Return the rows, in their order, of `count` spectra (N,) at random; all where there are no more, or None."""
    return np.sort(random.order(seed, f"{stage}/draw", 0, spectrum_id)[:count])


def covered(wavelength: np.ndarray, settings: MaskedLines) -> np.ndarray:
    """Tell which pixels (P,), observed wavelengths in Å, a line covers at any redshift of the range (Fig. 6)."""
    width = settings.half_width / SPEED_OF_LIGHT
    inside = np.zeros(len(wavelength), dtype=bool)
    for line in settings.lines:
        low, high = line.rest * (1 + settings.z[0]) * (1 - width), line.rest * (1 + settings.z[1]) * (1 + width)
        inside |= (wavelength > low) & (wavelength < high)
    return inside


def without(inputs: torch.Tensor, removed: np.ndarray) -> torch.Tensor:
    """Return inputs (N, P) with pixels deleted, scaled anew: a scale from the whole spectrum would tell of its lines.

    Raises
    ------
    PipelineError
        No pixel is left.
    """
    if removed.all():
        raise PipelineError("the lines cover the whole spectrum", where="masked_lines", next="take a narrower range")
    left = inputs[:, torch.from_numpy(~removed)].double()
    left = left - left.mean(dim=1, keepdim=True)
    return (left / left.std(dim=1, keepdim=True, correction=0).clamp_min(1e-12)).float()


def judged(z: np.ndarray, true: np.ndarray) -> dict:
    """Return the number, rms, median absolute value (km/s) of velocity errors, and accuracies within the limits."""
    dv = velocity(z, true)
    within = {str(int(limit)): accuracy(z, true, limit) for limit in LIMITS}
    return {
        "n": len(true),
        "rms": float(np.sqrt((dv**2).mean())),
        "median": float(np.median(np.abs(dv))),
        "within": within,
    }


def _fit(
    settings: FNet | RNet, module, spectra: Spectra, test: Spectra | None, series: Series, device, seed: int, stage: str
) -> Training:
    """Train on spectra, judging each epoch on `test` if there is one; return the training at its last epoch."""
    task = module.begin(settings, spectra.labels)
    draw = generator(random.stream(seed, stage))
    network = module.network(settings.size.plain(), spectra.inputs.shape[1], task, draw)
    training = Training(network, task, settings.training, device, seed, stage)
    series.train(training, spectra, test, settings.scoring.batch)
    return training


def _redshifts(training: Training, spectra: Spectra, batch: int) -> np.ndarray:
    raw = outputs(training.network, spectra.inputs, batch, training.device)
    return training.task.read(raw)["candidate_z"][:, 0]


def masked_lines(
    settings: MaskedLines,
    read: Callable[[FNet | RNet], tuple[Spectra, np.ndarray, np.ndarray, np.ndarray]],
    module_of: Callable[[str], object],
    series: Series,
    device: torch.device,
    seed: int,
) -> Iterator[dict]:
    """Yield a result for each network with its lines (`masked` false) and without.

    A result holds the judged errors of the network and of the constant, the median redshift of the training part, and
    the judged redshifts themselves (`judged`); `skill` is one less the ratio of their mean squared errors.

    Parameters
    ----------
    read : callable
        read(settings of a network) returns spectra, their groups (N,), which are of the judge set (N,) bool, and the
        wavelengths (P,) of the inputs' pixels.
    module_of : callable
        Returns the estimator's module for a kind.
    series : Series
        Takes the trainings up where they stand.
    """

    def parts() -> Iterator[Callable[[], dict]]:
        for name, network in settings.networks.items():
            spectra, groups, judges, wavelength = read(network)
            z = spectra.labels.z
            chosen = np.flatnonzero(spectra.labels.quasar & (z >= settings.z[0]) & (z <= settings.z[1]))
            if len(chosen) < settings.least:
                raise PipelineError(
                    "too few quasars for the masked lines",
                    where="masked_lines.z",
                    value=f"{len(chosen)} from z = {settings.z[0]} to {settings.z[1]}",
                    allowed=f"at least {settings.least}",
                )
            judges = judges[chosen]
            if settings.test is not None:
                judges = deal(spectra.labels.spectrum_id[chosen], groups[chosen], settings.test, seed, "masked_lines")
            if not 0 < judges.sum() < len(judges):
                raise PipelineError(
                    "the masked lines need quasars to train and to judge",
                    where="masked_lines.z",
                    value=f"{judges.sum()} of {len(judges)} judge",
                    next="take a wider range, or masked_lines.test: 0.1",
                )
            for masked in (False, True):
                yield partial(one, name, network, spectra[chosen], judges, covered(wavelength, settings), masked)

    def one(name: str, network: FNet | RNet, spectra: Spectra, judges: np.ndarray, lines: np.ndarray, masked: bool):
        inputs = without(spectra.inputs, lines if masked else np.zeros_like(lines))
        data = Spectra(inputs, spectra.labels)
        stage = f"masked_lines/{name}/{'without' if masked else 'with'}"
        taught, test = data[np.flatnonzero(~judges)], data[np.flatnonzero(judges)]
        training = _fit(network, module_of(network.kind), taught, None, series, device, seed, stage)
        redshifts = _redshifts(training, test, network.scoring.batch)
        found = judged(redshifts, test.labels.z)
        median = float(np.median(taught.labels.z))
        constant = judged(np.full(len(test), median), test.labels.z)
        return {
            "name": name,
            "masked": masked,
            "train": len(taught),
            "pixels": inputs.shape[1],
            "pixels_removed": int(lines.sum()) if masked else 0,
            "loss": [row["loss"] for row in training.history],
            "network": found,
            "judged": {"z": redshifts.tolist(), "z_label": test.labels.z.tolist()},
            "constant": {"z": median, **constant},
            "skill": 1 - (found["rms"] / constant["rms"]) ** 2 if constant["rms"] else float("nan"),
        }

    yield from series.results(parts())


def variants(settings: Sweeps) -> Iterator[tuple[str, object, FNet]]:
    """Yield (what is varied, its value, the network's settings); nothing else differs from `settings.network`."""
    base = settings.network

    def plan(**changes) -> FNet:
        return base.model_copy(update={"training": base.training.model_copy(update=changes)})

    def size(**changes) -> FNet:
        return base.model_copy(update={"size": base.size.model_copy(update=changes)})

    yield from (("optimiser", value, plan(optimiser=value)) for value in settings.optimisers)
    yield from (("kernels", value, size(kernels=value)) for value in settings.kernels)
    for value in settings.blocks:
        channels = base.size.channels
        first = [channels[0]] * max(value - KEPT_BLOCKS, 0)
        yield "blocks", value, size(channels=first + channels[-min(value, KEPT_BLOCKS) :])
    yield from (("weight_decay", value, plan(weight_decay=value)) for value in settings.weight_decays)


def sweep(
    settings: Sweeps, spectra: Spectra, groups: np.ndarray, module, series: Series, device: torch.device, seed: int
) -> Iterator[dict]:
    """Yield a result for each variant: its curve, one row an epoch as in Fig. 3, and its errors after the last one.

    What `settings.network` itself has is trained once, however many sweeps name it.

    Raises
    ------
    PipelineError
        There are too few quasars to train and to judge.
    """
    chosen = np.flatnonzero(spectra.labels.quasar)
    ids = spectra.labels.spectrum_id
    if len(chosen) < 2 * settings.network.training.group:
        raise PipelineError("too few quasars for the sweeps", where="redshift_sweeps", value=len(chosen))
    spectra, judges = spectra[chosen], deal(ids[chosen], groups[chosen], settings.test, seed, "redshift_sweeps")
    taught, test = spectra[np.flatnonzero(~judges)], spectra[np.flatnonzero(judges)]
    wanted = list(variants(settings))

    def one(varied: str, value: object, network: FNet) -> dict:
        for (_, _, other), result in zip(wanted, series.finished, strict=False):
            if other == network:
                return {**result, "varied": varied, "value": value}
        # The same first weights and order for all: what differs is what is varied.
        training = _fit(network, module, taught, test, series, device, seed, "redshift_sweeps")
        found = judged(_redshifts(training, test, network.scoring.batch), test.labels.z)
        return {
            "varied": varied,
            "value": value,
            "parameters": sum(parameter.numel() for parameter in training.network.parameters()),
            "convolutions": len(network.size.channels) * len(network.size.kernels),
            "train": len(taught),
            "epochs": [
                {
                    "epoch": row["epoch"],
                    "loss": row["loss"],
                    "test_loss": row["select_loss"],
                    "test_accuracy_6000": row["select_accuracy_6000"],
                }
                for row in training.history
            ],
            "test": found,
        }

    yield from series.results(partial(one, *variant) for variant in wanted)
