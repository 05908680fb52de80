"""The estimators of a finished run, with their calibration, for spectra that belong to no run."""

import importlib
import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
import yaml

from pipeline.errors import PipelineError
from pipeline.learn import redshift_combination as combination
from pipeline.learn.device import choose, set_up
from pipeline.learn.redshift_estimates import from_results
from pipeline.settings.run import RunSettings
from pipeline.settings.spectra.run import Spectra
from pipeline.spectra.grids import Grid
from pipeline.spectra.grids import grid as named_grid
from pipeline.spectra.raw import RawSpectrum
from pipeline.surveys.spectrum_doubts import SpectrumDoubts
from pipeline.surveys.spectrum_rows import SpectrumRows, gather


class Trained:
    """What a run has learnt about redshifts.

    Parameters
    ----------
    results : Path
        results/<run>.
    device : str
        cuda, cpu or auto.

    Attributes
    ----------
    settings : Spectra
    seed : int
    grid : Grid
        On which spectra are put, that of the run's shards.
    weights : dict
        Path of each estimator's weights.

    Raises
    ------
    PipelineError
        The run has no spectra half, or has not been trained.
    """

    def __init__(self, results: Path, device: str):
        self.results = Path(results)
        saved = self.results / "settings.yaml"
        if not saved.is_file():
            raise PipelineError("the run has not been made", where=saved, next="snakemake --cores all redshifts")
        whole = RunSettings.parse(yaml.safe_load(saved.read_text(encoding="utf-8")), where=str(saved))
        if whole.spectra is None:
            raise PipelineError("the run has no spectra", where=saved, next="name a run with a section `spectra`")
        self.run, self.seed = whole.run, whole.seed
        self.settings: Spectra = whole.spectra
        self.grid: Grid = named_grid(self.settings.ingest.grid)
        self.device: torch.device = set_up(1, choose(device))
        folder = self.results / "spectra"
        self.weights = {name: folder / "models" / name / "weights.pt" for name in self.settings.estimators}
        calibration = folder / "redshift_calibration.json"
        for path in (*self.weights.values(), calibration):
            if not path.is_file():
                what = "the estimators are not trained"
                raise PipelineError(what, where=path, next="snakemake --cores all redshifts")
        self.calibration: dict = json.loads(calibration.read_text(encoding="utf-8"))

    def rows(self, spectra: Iterable[RawSpectrum], policy: str = "flag") -> SpectrumRows:
        """Return spectra on the run's grid, sorted by spectrum_id, without any selection."""
        ingest = self.settings.ingest.model_copy(update={"selection": None})
        return gather(spectra, ingest, None, SpectrumDoubts(policy), tranche=0, simulated=False)

    def estimator(self, name: str, weights: Path | None = None):
        """Return an estimator; weights other than the run's are those of one that has been trained on."""
        section = self.settings.estimators[name]
        kind = section.kind.removeprefix("published_")
        module = importlib.import_module(f"pipeline.learn.estimators.{kind}")
        return module.load(weights or self.weights[name], section.scoring.plain(), self.device)

    def redshifts(self, rows: SpectrumRows, weights: dict[str, Path] | None = None) -> dict[str, np.ndarray]:
        """Return the columns of `learn.redshift_combination.apply` for spectra on the grid, row by row.

        weights : paths of other weights by estimator, instead of the run's.
        """
        identity, found = rows.columns["spectrum_id"], []
        for name in self.calibration["order"]:
            estimator = self.estimator(name, (weights or {}).get(name))
            parts = []
            for start in range(0, max(len(identity), 1), estimator.batch):
                part = slice(start, start + estimator.batch)
                parts.append(estimator(rows.flux[part], rows.ivar[part], rows.mask[part], self.grid))
            results = {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
            found.append(from_results(name, {**results, "spectrum_id": identity}, name))
        known = (rows.columns[name] for name in ("sn_median", "wave_min", "wave_max", "flags"))
        return combination.apply(self.calibration, found, combination.Spectra(*known))
