"""The command `skysieve redshift`: redshifts of files that belong to no run."""

from pathlib import Path

import numpy as np
from astropy.table import Table
from PIL import Image, UnidentifiedImageError

from pipeline.apply.trained import Trained
from pipeline.data.atomic import atomic
from pipeline.data.redshift_bits import names
from pipeline.data.tables import write_ecsv
from pipeline.errors import PipelineError
from pipeline.learn.redshift_combination import flagged
from pipeline.surveys.spectra_files import read_spectra
from pipeline.surveys.spectrum_rows import SpectrumRows

_PICTURE, _SOFTWARE = "redshifts.png", "skysieve redshift"
_PICTURES = 48  # spectra that one picture can show
_SMOOTHING = 5  # pixels of the running mean


def redshift_command(
    results: Path, files: list[Path], *, models: list[str] | None, device: str, ecsv: Path | None, png: Path | None
) -> list[str]:
    """Return a line a spectrum, and write the table and the picture.

    Parameters
    ----------
    results : Path
        results/<run> of the run whose estimators are used.
    files : list of Path
        spec-PLATE-MJD-FIBER.fits, spPlate-PLATE-MJD.fits, coadds of DESI, or CSV; plain or gzip.
    models : list of str or None
        Estimators whose own redshifts are shown beside the combined one; None: all.
    device : str
    ecsv : Path or None
    png : Path or None
        None: named after the table, else `redshifts.png`.

    Raises
    ------
    PipelineError
        A file cannot be read as a spectrum, there is no such estimator, or the picture that no one named would take the
        place of a file that this command did not write.
    """
    picture = png or (ecsv.with_suffix(".png") if ecsv else Path(_PICTURE))
    if png is None and picture.exists() and not _drawn_here(picture):
        raise PipelineError("the picture would overwrite another file", where=picture, next="name it: --png FILE")
    trained = Trained(results, device)
    models = list(trained.weights) if models is None else models
    if unknown := sorted(set(models) - set(trained.weights)):
        raise PipelineError(
            "no such estimator in this run", where=results, value=unknown, allowed=", ".join(trained.weights)
        )
    rows = trained.rows((one for path in files for one in read_spectra(path)), policy="error")
    columns = trained.redshifts(rows)
    table = _table(rows, columns, models)
    if ecsv is not None:
        write_ecsv(table, ecsv)
    number = min(len(table), _PICTURES)
    _draw(picture, trained, rows, columns, models, number)
    return [*_lines(table, models), f"{picture}: the first {number} of {len(table)} spectra"]


def _drawn_here(path: Path) -> bool:
    try:
        with Image.open(path) as image:
            return image.info.get("Software") == _SOFTWARE
    except (OSError, UnidentifiedImageError):
        return False


def _table(rows: SpectrumRows, columns: dict[str, np.ndarray], models: list[str]) -> Table:
    """Return the redshifts with what names the spectra."""
    known = ("source", "spectrum_id", "object_id", "ra", "dec", "sn_median")
    table = Table({name: rows.columns[name] for name in known})
    for name in ("z", "z_err", "p_wrong", "z_second", "class", "zwarn"):
        table[name] = columns[name].astype(str) if name == "class" else columns[name]
    table["source"] = table["source"].astype(str)
    table["flagged"] = flagged(columns["zwarn"])
    table["warnings"] = np.array([" ".join(names(value)) for value in columns["zwarn"].tolist()])
    for model in models:
        for name in ("z", "z_err", "p_wrong", "z_second", "zwarn"):
            table[f"{name}_{model}"] = columns[f"{name}_{model}"]
        for name in (f"class_{model}", f"line_confidence_{model}", f"line_z_{model}"):
            if name in columns:
                table[name] = columns[name].astype(str) if name.startswith("class") else columns[name]
    for name in ("ra", "dec"):
        table[name].unit = "deg"
    return table


def _lines(table: Table, models: list[str]) -> list[str]:
    width = max([len("spectrum"), *map(len, table["source"])])
    head = f"{'spectrum':<{width}}  {'S/N':>6}  {'z':>8}  {'error':>8}  {'wrong':>6}  {'second':>8}"
    lines = [head + "".join(f"  {model:>9}" for model in models) + "  warnings"]
    for row in table:
        own = "".join(f"  {row[f'z_{model}']:>9.4f}" for model in models)
        lines.append(
            f"{row['source']:<{width}}  {row['sn_median']:>6.2f}  {row['z']:>8.4f}  {row['z_err']:>8.4f}"
            f"  {row['p_wrong']:>6.3f}  {row['z_second']:>8.4f}{own}  {row['warnings'] or '-'}"
        )
    return lines


def _draw(png: Path, trained: Trained, rows: SpectrumRows, columns: dict, models: list[str], number: int) -> None:
    """Draw the first spectra below each other, each with its redshifts."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    from pipeline.release.redshift_figures.names import colours
    from pipeline.release.spectrum_picture import Redshift, draw

    if not number:
        raise PipelineError("there is no spectrum to draw", where=png)
    figure, axes = plt.subplots(number, 1, figsize=(11, 3.4 * number), squeeze=False, layout="constrained")
    tones = colours(models)
    for row, place in enumerate(axes[:, 0]):
        shown = [Redshift("combined", columns["z"][row], columns["z_err"][row])]
        for model in models:
            shown.append(Redshift(model, columns[f"z_{model}"][row], columns[f"z_err_{model}"][row], tones[model]))
        draw(
            place, trained.grid.wavelength, rows.flux[row], rows.ivar[row], rows.mask[row], shown,
            smoothing=_SMOOTHING, sn=float(rows.columns["sn_median"][row]), zwarn=int(columns["zwarn"][row]),
        )  # fmt: skip
        place.set_title(str(rows.columns["source"][row]), loc="left", fontsize="medium", pad=18)
    with atomic(png) as temporary:
        figure.savefig(temporary, format="png", dpi=110, metadata={"Software": _SOFTWARE})
    plt.close(figure)
