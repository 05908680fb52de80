"""Outputs of FNet and RNet: a scaled redshift, or probabilities of redshift; the class beside either, as an option."""

import numpy as np
import torch
import torch.nn.functional as F

from pipeline.data.redshift_bits import bit
from pipeline.errors import PipelineError
from pipeline.learn.redshift.labels import CLASSES, Labels, scatter
from pipeline.learn.redshift.tasks import Targets
from pipeline.settings.spectra.estimators import Distribution, Regression

CANDIDATES = 5
REACH = 4  # half the width of a peak's window, in sigmas of the smeared target
LN10 = float(np.log(10))


class _WithClasses:
    """The classes' part: cross-entropy over all spectra, added to the redshifts' loss over quasars."""

    def __init__(self, classes: bool, values: int):
        self.classes, self.values = classes, values

    @property
    def outputs(self) -> int:
        """Values that the network gives for a spectrum."""
        return self.values + len(CLASSES) * self.classes

    def trains_on(self, labels: Labels) -> np.ndarray:
        """Tell which spectra (N,) have what is learnt: without classes, quasars alone."""
        return labels.known if self.classes else labels.quasar

    def targets(self, labels: Labels) -> Targets:
        """Return what the loss needs of N spectra."""
        weight = torch.from_numpy(labels.weight).float()
        return {
            "weight": weight,
            "quasar": weight * torch.from_numpy(labels.quasar),
            "kind": torch.from_numpy(labels.kind),
            **self._redshift_targets(np.where(labels.quasar, labels.z, 0.0)),
        }

    def scale(self, targets: Targets) -> torch.Tensor:
        """Return the weights of all quasars and of all spectra, (2,)."""
        return torch.stack([targets["quasar"].sum(), targets["weight"].sum()]).clamp_min(1e-7)

    def loss(self, raw: torch.Tensor, targets: Targets, scale: torch.Tensor) -> torch.Tensor:
        """Return the part of a batch's loss that comes from these rows."""
        value = (self._redshift_loss(raw[:, : self.values], targets) * targets["quasar"]).sum() / scale[0]
        if self.classes:
            entropy = F.cross_entropy(raw[:, self.values :], targets["kind"], reduction="none")
            value = value + (entropy * targets["weight"]).sum() / scale[1]
        return value

    def _with_classes(self, found: dict[str, np.ndarray], raw: torch.Tensor) -> dict[str, np.ndarray]:
        if self.classes:
            probability = torch.softmax(raw[:, self.values :].double(), dim=1).numpy()
            found["class_probability"] = probability.astype(np.float32)
            found["bits"] |= np.where(probability.argmax(axis=1) == 0, 0, bit("NOT_QUASAR"))
        return found


class ScaledRedshift(_WithClasses):
    """The papers' output: z from the lowest to the highest of the training quasars as 0 to 1, squared error.

    The error of every redshift is the select set's scatter of dz / (1 + z). The score is the probability of being a
    quasar, where classes are learnt, and else the same for all: a lone number does not say how sure it is.
    """

    def __init__(self, classes: bool, low: float, high: float, sigma: float = float("nan")):
        super().__init__(classes, 1)
        self.low, self.high, self.sigma = low, high, sigma

    def about(self) -> dict:
        """Return what makes the task anew."""
        return {"kind": "regression", "classes": self.classes, "low": self.low, "high": self.high, "sigma": self.sigma}

    def _redshift_targets(self, z: np.ndarray) -> Targets:
        return {"scaled": torch.from_numpy((z - self.low) / (self.high - self.low)).float()}

    def _redshift_loss(self, raw: torch.Tensor, targets: Targets) -> torch.Tensor:
        return (raw[:, 0] - targets["scaled"]) ** 2

    def _z(self, raw: torch.Tensor) -> np.ndarray:
        return self.low + raw[:, 0].double().numpy() * (self.high - self.low)

    def measure(self, raw: torch.Tensor, labels: Labels) -> None:
        """Take the scatter of the select set's quasars."""
        true = labels.z[labels.quasar]
        self.sigma = scatter((self._z(raw)[labels.quasar] - true) / (1 + true))

    def read(self, raw: torch.Tensor) -> dict[str, np.ndarray]:
        """Return one candidate a spectrum."""
        z = self._z(raw)
        limit = (z < self.low) | (z > self.high)
        found = self._with_classes(
            {
                "candidate_z": z[:, None],
                "candidate_score": np.zeros((len(z), 1), dtype=np.float32),
                "candidate_sigma": (self.sigma * (1 + np.maximum(z, self.low)))[:, None].astype(np.float32),
                "bits": np.where(limit, bit("Z_FITLIMIT"), 0).astype(np.int64),
            },
            raw,
        )
        if self.classes:
            found["candidate_score"] = found["class_probability"][:, :1]
        return found


class RedshiftBins(_WithClasses):
    """Probabilities of redshift: softmax over equal bins of log10(1 + z), cross-entropy with a smeared target.

    Candidates are the windows of a few bins that hold most probability; z and the error are mean and width in a window,
    the score is its probability.
    """

    def __init__(self, classes: bool, z: tuple[float, float], bins: int, smooth: float):
        super().__init__(classes, bins)
        self.z, self.smooth = tuple(z), smooth
        self.low, self.high = np.log10(1 + np.array(z))
        self.step = (self.high - self.low) / bins
        self.centres = self.low + (np.arange(bins) + 0.5) * self.step

    def about(self) -> dict:
        """Return what makes the task anew."""
        head = {"kind": "distribution", "classes": self.classes, "z": list(self.z)}
        return {**head, "bins": self.values, "smooth": self.smooth}

    def _redshift_targets(self, z: np.ndarray) -> Targets:
        return {"place": torch.from_numpy((np.log10(1 + z) - self.low) / self.step - 0.5).float()}

    def _redshift_loss(self, raw: torch.Tensor, targets: Targets) -> torch.Tensor:
        place = targets["place"].clamp(0, self.values - 1)
        away = torch.arange(self.values, device=raw.device) - place[:, None]
        wanted = torch.softmax(-0.5 * (away / self.smooth) ** 2, dim=1)
        return -(wanted * F.log_softmax(raw, dim=1)).sum(dim=1)

    def measure(self, raw: torch.Tensor, labels: Labels) -> None:
        """Take nothing: each distribution has a width of its own."""

    def read(self, raw: torch.Tensor) -> dict[str, np.ndarray]:
        """Return the five most probable redshifts of each spectrum."""
        probability = torch.softmax(raw[:, : self.values].double(), dim=1).numpy()
        rows, reach = np.arange(len(raw))[:, None], int(np.ceil(REACH * self.smooth))
        from scipy.ndimage import gaussian_filter1d  # half a second: here only where it is called

        window = np.arange(-reach, reach + 1)
        left = np.pad(probability, ((0, 0), (reach, reach)))  # what no earlier candidate has taken
        x = np.pad(self.centres, reach, mode="edge")
        shape = (len(raw), CANDIDATES)
        found = {name: np.full(shape, np.nan) for name in ("z", "score", "sigma")}
        peaks = np.empty(shape, dtype=np.int64)
        for number in range(CANDIDATES):
            smooth = gaussian_filter1d(left[:, reach:-reach], self.smooth, axis=1, mode="constant")
            peaks[:, number] = smooth.argmax(axis=1)
            places = peaks[:, number, None] + reach + window
            part = left[rows, places]
            mass = part.sum(axis=1)
            some = mass > 0
            share = part[some] / mass[some, None]
            mean = (share * x[places[some]]).sum(axis=1)
            # A bin has a width of its own.
            width = np.sqrt((share * (x[places[some]] - mean[:, None]) ** 2).sum(axis=1) + self.step**2 / 12)
            found["z"][some, number] = 10**mean - 1
            found["sigma"][some, number] = 10**mean * LN10 * width
            found["score"][some, number] = mass[some]
            left[rows, places] = 0
        # Windows are found by their smoothed peaks; their probabilities may stand in another order.
        order = np.argsort(-np.nan_to_num(found["score"], nan=-1.0), axis=1, kind="stable")
        z, score, sigma, peaks = (np.take_along_axis(part, order, axis=1) for part in (*found.values(), peaks))
        limit = (peaks[:, 0] == 0) | (peaks[:, 0] == self.values - 1)
        return self._with_classes(
            {
                "candidate_z": z,
                "candidate_score": score.astype(np.float32),
                "candidate_sigma": sigma.astype(np.float32),
                "bits": np.where(limit, bit("Z_FITLIMIT"), 0).astype(np.int64),
            },
            raw,
        )


def begin(head: Regression | Distribution, labels: Labels) -> ScaledRedshift | RedshiftBins:
    """Return the task of a training whose training set has these labels.

    Raises
    ------
    PipelineError
        There are no two quasars of different redshift.
    """
    z = labels.z[labels.quasar]
    if len(z) < 2 or z.min() == z.max():
        raise PipelineError(
            "a redshift cannot be learnt without quasars of different redshifts",
            where="the train set of the sample",
            value=f"{len(z)} quasars",
        )
    if head.kind == "regression":
        return ScaledRedshift(head.classes, float(z.min()), float(z.max()))
    return RedshiftBins(head.classes, tuple(head.z), head.bins, head.smooth)


def again(about: dict) -> ScaledRedshift | RedshiftBins:
    """Return the task that `about()` described."""
    options = {name: value for name, value in about.items() if name != "kind"}
    return ScaledRedshift(**options) if about["kind"] == "regression" else RedshiftBins(**options)
