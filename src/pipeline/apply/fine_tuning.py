"""Networks of a run trained on with real spectra, fold by fold, and applied to the fold that they have not seen."""

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from pipeline.apply.trained import Trained
from pipeline.learn.checkpoints import load_weights, save_weights
from pipeline.learn.redshift.labels import labels_of
from pipeline.learn.redshift.training import Spectra, Training, train
from pipeline.settings.spectra.estimators import StepSchedule
from pipeline.spectra.inputs import make_input
from pipeline.surveys.spectrum_rows import SpectrumRows

# Few steps with a tenth of the rate: the spectra are some hundred, and the network knows most of what they show.
EPOCHS, RATE, BATCH = 12, 0.1, 32


def fine_tuned(trained: Trained, rows: SpectrumRows, known: pd.DataFrame, folds: np.ndarray) -> dict[str, np.ndarray]:
    """Return the columns of redshifts of all rows, each by networks that have trained on the other folds.

    The eigenspectra of templates stay as they are, as do calibration and rule of the combination.

    Parameters
    ----------
    trained : Trained
    rows : SpectrumRows
    known : DataFrame
        Of each row label_class ("" takes no part in training) and label_z.
    folds : (N,) int
    """
    parts: list[tuple[np.ndarray, dict[str, np.ndarray]]] = []
    with tempfile.TemporaryDirectory() as folder:
        for fold in np.unique(folds).tolist():
            judged = np.flatnonzero(folds == fold)
            taught = np.flatnonzero((folds != fold) & (known["label_class"] != "").to_numpy())
            weights = {}
            for name, section in trained.settings.estimators.items():
                if section.kind not in ("fnet", "rnet", "quasarnet"):
                    continue
                weights[name] = Path(folder) / f"{name}-{fold}.pt"
                _train_on(trained, name, take(rows, taught), known.iloc[taught], f"{name}/{fold}", weights[name])
            parts.append((judged, trained.redshifts(take(rows, judged), weights)))
    order = np.argsort(np.concatenate([judged for judged, _ in parts]))
    return {key: np.concatenate([columns[key] for _, columns in parts])[order] for key in parts[0][1]}


def take(rows: SpectrumRows, places: np.ndarray) -> SpectrumRows:
    """Return some rows."""
    columns = {name: values[places] for name, values in rows.columns.items()}
    return SpectrumRows(rows.flux[places], rows.ivar[places], rows.mask[places], columns, rows.counts)


def _train_on(trained: Trained, name: str, rows: SpectrumRows, known: pd.DataFrame, stage: str, path: Path) -> None:
    """Train one network on and write its weights."""
    section, estimator = trained.settings.estimators[name], trained.estimator(name)
    inputs, _ = make_input(rows.flux, rows.ivar, rows.mask, trained.grid, section.input)
    sample = known.assign(spectrum_id=rows.columns["spectrum_id"], bal=0, weight=1.0)
    plan = section.training.model_copy(
        update={
            "epochs": EPOCHS,
            "learning_rate": RATE * section.training.learning_rate,
            "batch": BATCH,
            "group": BATCH,
            "schedule": StepSchedule(kind="step", steps=[]),
        }
    )
    training = Training(estimator.network, estimator.task, plan, trained.device, trained.seed, f"fine_tune/{stage}")
    train(training, Spectra(torch.from_numpy(inputs), labels_of(sample)), None, batch=section.scoring.batch)
    _, about = load_weights(trained.weights[name])
    save_weights(path, estimator.network.state_dict(), about)
