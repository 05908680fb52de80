"""Several trainings one after another, which can be saved after any step and taken up again."""

from collections.abc import Callable, Iterable, Iterator

from pipeline.learn.redshift.training import Spectra, Training, train


class Series:
    """The results of the trainings that ended, and the one that runs.

    Parameters
    ----------
    saved : dict or None
        A state to take up.
    progress : callable
        progress(steps, number of the training from 1, epoch) yields the steps of an epoch, showing how far it is.
    after_step : callable
        after_step(series) is called after each step (for checkpoints).
    """

    def __init__(
        self,
        saved: dict | None = None,
        progress: Callable[[range, int, int], Iterable[int]] = lambda steps, number, epoch: steps,
        after_step: Callable[["Series"], None] = lambda series: None,
    ):
        saved = saved or {"finished": [], "training": None}
        self.finished: list[dict] = list(saved["finished"])
        self._saved = saved["training"]
        self._training: Training | None = None
        self._progress, self._after_step = progress, after_step

    def state(self) -> dict:
        """Return all that a resumption needs."""
        return {"finished": self.finished, "training": None if self._training is None else self._training.state()}

    def results(self, parts: Iterable[Callable[[], dict]]) -> Iterator[dict]:
        """Yield what each part returns, a dictionary of plain values; a part that ended before is not called.

        Each part calls `train` at most once.
        """
        for number, part in enumerate(parts):
            if number == len(self.finished):
                result = part()
                self.finished.append(result)
                self._training = None
            yield self.finished[number]

    def train(self, training: Training, spectra: Spectra, held_out: Spectra | None, batch: int) -> None:
        """Train to the end, from the saved state if this is the training that was saved; arguments as in `train`."""
        if self._saved is not None:
            training.restore(self._saved)
            self._saved = None
        self._training, number = training, len(self.finished) + 1
        train(
            training,
            spectra,
            held_out,
            batch=batch,
            progress=lambda steps, epoch: self._progress(steps, number, epoch),
            after_step=lambda: self._after_step(self),
        )
