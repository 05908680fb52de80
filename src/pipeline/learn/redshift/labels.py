"""What is known of training spectra, and how much each counts."""

from dataclasses import dataclass

import numpy as np

from pipeline.errors import PipelineError
from pipeline.settings.spectra.estimators import Reweight

CLASSES = ("quasar", "galaxy", "star", "sky")
SPEED_OF_LIGHT = 299792.458  # km/s
_CELL = 1e-3  # dex: fine beside any width by which a density of redshifts is smoothed


@dataclass(frozen=True)
class Labels:
    """Labels of N spectra.

    Attributes
    ----------
    spectrum_id : (N,) int64
    kind : (N,) int64
        Place of the class in CLASSES.
    z : (N,) float64
        NaN where unknown.
    bal : (N,) int64
        1 with broad absorption, -1 without, 0 unknown.
    weight : (N,) float64
        Of each spectrum in a training.
    """

    spectrum_id: np.ndarray
    kind: np.ndarray
    z: np.ndarray
    bal: np.ndarray
    weight: np.ndarray

    def __len__(self) -> int:
        return len(self.spectrum_id)

    def __getitem__(self, rows: np.ndarray) -> "Labels":
        return Labels(self.spectrum_id[rows], self.kind[rows], self.z[rows], self.bal[rows], self.weight[rows])

    @property
    def quasar(self) -> np.ndarray:
        """Quasars whose redshift is known, (N,) bool."""
        return (self.kind == 0) & np.isfinite(self.z)

    @property
    def known(self) -> np.ndarray:
        """All but quasars without a redshift, (N,) bool."""
        return (self.kind != 0) | np.isfinite(self.z)


def labels_of(sample) -> Labels:
    """Return the labels of rows of the sample (a data frame) in its order.

    Raises
    ------
    PipelineError
        A class is unknown.
    """
    place = {name: number for number, name in enumerate(CLASSES)}
    unknown = sorted(set(sample["label_class"]) - set(place))
    if unknown:
        raise PipelineError("unknown class in the sample", where="label_class", value=unknown, allowed=CLASSES)
    return Labels(
        sample["spectrum_id"].to_numpy(np.int64),
        np.array([place[name] for name in sample["label_class"]], dtype=np.int64),
        sample["label_z"].to_numpy(np.float64),
        sample["bal"].to_numpy(np.int64),
        np.ones(len(sample)),
    )


def reweighted(labels: Labels, settings: Reweight | None) -> np.ndarray:
    """Return weights (N,) float64, those of rare redshifts raised by a factor whose mean over quasars is 1."""
    if settings is None or not labels.quasar.any():
        return labels.weight
    x = np.log10(1 + labels.z[labels.quasar])
    low = x.min() - 5 * settings.width
    cells = np.bincount(((x - low) / _CELL).astype(np.int64), minlength=int((np.ptp(x) + 10 * settings.width) / _CELL))
    reach = int(np.ceil(4 * settings.width / _CELL))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) * _CELL / settings.width) ** 2)
    density = np.convolve(cells, kernel, mode="same")[((x - low) / _CELL).astype(np.int64)]
    factor = density**-settings.power
    factor = np.minimum(factor / factor.mean(), settings.largest)
    weight = labels.weight.astype(np.float64)
    weight[labels.quasar] *= factor / factor.mean()
    return weight


def velocity(z: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Return the velocity errors c (z - true) / (1 + true), km/s (FNet paper, equation 1)."""
    return SPEED_OF_LIGHT * (z - true) / (1 + true)


def accuracy(z: np.ndarray, true: np.ndarray, limit: float = 6000.0) -> float:
    """Return the share of redshifts within `limit` km/s; a missing redshift is a miss, nothing gives NaN."""
    return float((np.abs(velocity(z, true)) < limit).mean()) if len(true) else float("nan")


def scatter(residuals: np.ndarray) -> float:
    """Return 1.4826 times the median absolute residual: sigma of normal errors, whatever the outliers."""
    return 1.4826 * float(np.median(np.abs(residuals))) if len(residuals) else float("nan")
