"""Trainings on all but one fold each, then the one on everything (FNet paper, §4: k-fold cross-validation)."""

from collections.abc import Callable, Iterable

import numpy as np

from pipeline.errors import PipelineError
from pipeline.learn.redshift.training import Spectra, Training, train

WHOLE = -1  # the fold in the history of the training that gives the weights


def check(fold: np.ndarray, folds: int) -> None:
    """Raise PipelineError unless the training set (N,) has members in each of so many folds."""
    missing = sorted(set(range(folds)) - set(fold.tolist()))
    if missing:
        raise PipelineError(
            "the training set lacks folds of the k-fold validation",
            where="column fold of the sample",
            value=f"no spectra in fold {missing[0]}",
            allowed=f"0 to {folds - 1}",
            next="set training.folds to the folds of the sample, or to null",
        )


class Validation:
    """All trainings of one estimator in their order, which can be saved after any step and taken up again.

    Parameters
    ----------
    start : callable
        start(labels, fold) returns a fresh Training for a training set with these labels.
    spectra, held_out : Spectra
        The train and the select set.
    fold : (N,) int
        Folds of the train set.
    folds : int or None
        How many take part; None trains once.
    """

    def __init__(
        self, start: Callable[..., Training], spectra: Spectra, held_out: Spectra, fold: np.ndarray, folds: int | None
    ):
        if folds is not None:
            check(fold, folds)
        self._start, self._spectra, self._held_out, self._fold = start, spectra, held_out, fold
        self._order = [*range(folds or 0), WHOLE]
        self._finished: list[dict] = []
        self.training = self._next()

    @property
    def fold(self) -> int:
        """The fold that is left out now."""
        return self._order[len(self._finished)]

    def _sets(self) -> tuple[Spectra, Spectra]:
        if self.fold == WHOLE:
            return self._spectra, self._held_out
        out = self._fold == self.fold
        return self._spectra[np.flatnonzero(~out)], self._spectra[np.flatnonzero(out)]

    def _next(self) -> Training:
        return self._start(self._sets()[0].labels, self.fold)

    def state(self) -> dict:
        """Return all that a resumption needs."""
        return {"finished": self._finished, "training": self.training.state()}

    def restore(self, state: dict) -> None:
        """Take up a saved state."""
        self._finished = list(state["finished"])
        self.training = self._next()
        self.training.restore(state["training"])

    def run(
        self,
        *,
        batch: int,
        progress: Callable[[range, int], Iterable[int]],
        after_step: Callable[[], None],
        after_epoch: Callable[[int, dict], None],
    ) -> None:
        """Train to the end; `self.training` is then the one on everything. Arguments as in `training.train`."""
        while True:
            fold = self.fold
            spectra, held_out = self._sets()
            train(
                self.training,
                spectra,
                held_out,
                batch=batch,
                progress=progress,
                after_step=after_step,
                after_epoch=lambda row, fold=fold: after_epoch(fold, row),
            )
            if fold == WHOLE:
                return
            self._finished.append({"fold": fold, "best": self.training.best["epoch"], "history": self.training.history})
            self.training = self._next()

    def history(self) -> list[dict]:
        """Return the rows of all trainings, in their order."""
        last = {"fold": WHOLE, "best": self.training.best["epoch"], "history": self.training.history}
        return [
            {"fold": one["fold"], **row, "chosen": int(row["epoch"] == one["best"])}
            for one in (*self._finished, last)
            for row in one["history"]
        ]
