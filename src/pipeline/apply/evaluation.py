"""The command `skysieve evaluate-redshifts`: a run's redshifts of real spectra beside trusted ones."""

import json
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.apply.fine_tuning import fine_tuned
from pipeline.apply.trained import Trained
from pipeline.assess.real_spectra import evaluate, folds_of, read_index
from pipeline.assess.velocity import Resampling
from pipeline.data.atomic import write_text
from pipeline.errors import PipelineError
from pipeline.surveys import spectra_csv
from pipeline.surveys.spectra_files import read_listed
from pipeline.surveys.spectrum_doubts import SpectrumDoubts
from pipeline.surveys.spectrum_rows import SpectrumRows

FOLDS = 5


def evaluate_command(
    results: Path, folder: Path, *, index: str, half: str | None, tune: bool, device: str
) -> list[str]:
    """Write spectra/assessment/redshifts_real.json of the run, and return its figures as lines.

    What the file says of another half stays. It counts how often each half has been evaluated.

    Parameters
    ----------
    results : Path
        results/<run>.
    folder : Path
        Folder of the index; its files are named from there, or with the folder's own name before them.
    index : str
        Name of the index below the folder.
    half : "a", "b" or None
        None: both.
    tune : bool
        Also train the networks on, in folds of objects, and judge each fold by what has not seen it.
    device : str
    """
    trained = Trained(results, device)
    listed = read_index(spectra_csv.read_index(folder, index), Path(folder) / index)
    listed = listed[listed["half"] == half] if half else listed
    listed = listed.reset_index(drop=True)
    doubts = SpectrumDoubts("flag")
    rows = trained.rows(read_listed(Path(folder), index, listed["file"].tolist(), doubts))
    listed = _in_order(listed, rows)
    settings = trained.settings.assess
    resampling = Resampling(settings.bootstrap, settings.confidence, trained.seed)
    found = {
        "trained_on": f"the run {trained.run} alone",
        "not_read": [{"what": what, "where": where} for what, where in doubts.notes],
        "redshifts": evaluate(listed, trained.redshifts(rows), resampling, half),
        "fine_tuned": None,
    }
    if tune:
        known = pd.DataFrame({"label_class": listed["kind"], "label_z": listed["z_reference"]})
        columns = fine_tuned(trained, rows, known, folds_of(listed["object"], FOLDS))
        found["fine_tuned"] = {"folds": FOLDS, **evaluate(listed, columns, resampling, half)}
    target = Path(results) / "spectra" / "assessment" / "redshifts_real.json"
    content = json.loads(target.read_text(encoding="utf-8")) if target.is_file() else {}
    key = half or "both"
    found["evaluations"] = content.get(key, {}).get("evaluations", 0) + 1
    write_text(target, json.dumps({**content, key: found}, indent=1, sort_keys=True, allow_nan=False) + "\n")
    return [*_lines(key, found), f"{target}: evaluation {found['evaluations']} of half {key}"]


def _in_order(listed: pd.DataFrame, rows: SpectrumRows) -> pd.DataFrame:
    """Return the rows of the index in the order of the spectra."""
    place = {name: number for number, name in enumerate(listed["file"])}
    order = [place[source] for source in rows.columns["source"].tolist()]
    if len(order) != len(listed):
        raise PipelineError(
            "some rows of the index name the same spectrum", value=f"{len(listed)} rows, {len(order)} spectra"
        )
    return listed.iloc[order].reset_index(drop=True)


def _lines(half: str, found: dict) -> list[str]:
    lines = []
    for title, report in (("as trained", found["redshifts"]), ("fine-tuned in folds", found["fine_tuned"])):
        if report is None:
            continue
        counts = report["spectra"]
        lines.append(f"half {half}, {title}: " + ", ".join(f"{one['spectra']} {kind}" for kind, one in counts.items()))
        head = ("estimator", "within 3000", "6000", "12000", "30000 km/s", "flagged", "right of unflagged", "skies")
        lines.append(f"{head[0]:<10}" + "".join(f"{word:>24}" for word in head[1:]))
        for name, one in report["estimators"].items():
            quasars, sky = one["quasars"], one["others_unflagged"]["sky"]
            cells = [_share(cell) for cell in quasars["within"].values()]
            cells += [_share(quasars["flagged"]), _share(quasars["unflagged"]["within"]["6000"])]
            lines.append(f"{name:<10}" + "".join(f"{cell:>24}" for cell in [*cells, _share(sky)]))
    return lines


def _share(cell: dict | None) -> str:
    if cell is None or not np.isfinite(cell.get("share") if cell.get("share") is not None else np.nan):
        return "-"
    return f"{cell['share']:.3f} ({cell['low']:.3f} to {cell['high']:.3f})"
