"""How good the redshifts of each estimator and of their combination are, on judged spectra."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from pipeline.assess import line_confusion
from pipeline.assess.published import published
from pipeline.assess.redshift_confidence import failure_probability, pulls, unflagged_others
from pipeline.assess.velocity import Resampling, accuracy, counted, curve
from pipeline.data.redshift_bits import bit
from pipeline.data.velocity import RIGHT_KM_S, velocity_difference
from pipeline.errors import PipelineError
from pipeline.settings.spectra.assess import AssessRedshifts

COMBINED = "combined"
# What names a spectrum in the files of a survey, and so in the truth of a simulated one.
FIBRE = ["plate", "mjd", "fiber", "targetid"]
CATALOGUE_COLUMNS = ("sn_median", "wave_min", "wave_max", *FIBRE)
_FLAG = bit("LOW_CONFIDENCE")
_LINES = 6  # heads of the line finder that are lines; the seventh is broad absorption


def estimators(columns: Mapping[str, np.ndarray]) -> list[str]:
    """Return the estimators of combined redshifts, the combination first."""
    return [COMBINED, *sorted(name.removeprefix("p_wrong_") for name in columns if name.startswith("p_wrong_"))]


def answer(columns: Mapping[str, np.ndarray], name: str) -> pd.DataFrame:
    """Return `z`, `z_err`, `p_wrong`, `z_second`, `flagged` (N,) of one estimator."""
    suffix = "" if name == COMBINED else f"_{name}"
    found = {key: np.asarray(columns[key + suffix], dtype=float) for key in ("z", "z_err", "p_wrong", "z_second")}
    return pd.DataFrame({**found, "flagged": (np.asarray(columns[f"zwarn{suffix}"]) & _FLAG) != 0})


def judged_spectra(sample: pd.DataFrame, catalogue: pd.DataFrame, truth: pd.DataFrame | None) -> pd.DataFrame:
    """Return the spectra of the judge set with their reference, sorted by spectrum_id.

    The reference is the truth where there is one (simulated spectra), else the label. Columns `spectrum_id`,
    `object_id`, `group`, `bal`, `kind`, `z_reference` (NaN but for quasars), `sn_median`, `wave_min`, `wave_max`.

    Parameters
    ----------
    catalogue : DataFrame
        `spectrum_id` and `CATALOGUE_COLUMNS`.
    truth : DataFrame or None
        `FIBRE`, `kind`, `z`.

    Raises
    ------
    PipelineError
        No quasar is judged, or a judged spectrum is not in the catalogue or the truth.
    """
    judged = sample[(sample["set"] == "judge") & (sample.label_class != "")]
    judged = judged.rename(columns={"label_class": "kind", "label_z": "z_reference"})
    known = judged.spectrum_id.isin(catalogue.spectrum_id)
    judged = judged.merge(catalogue[["spectrum_id", *CATALOGUE_COLUMNS]], on="spectrum_id", how="left")
    if truth is not None:
        truth = _named(truth[[*FIBRE, "kind", "z"]].rename(columns={"z": "z_reference"}))
        judged = _named(judged.drop(columns=["kind", "z_reference"]))
        judged = judged.merge(truth.drop_duplicates(FIBRE), on=FIBRE, how="left")
    if judged.kind.isna().any() or not known.all():
        raise PipelineError("judged spectra are not in the truth or the catalogue", next="skysieve check RUN")
    judged.loc[judged.kind != "quasar", "z_reference"] = np.nan
    if not (judged.kind == "quasar").any():
        raise PipelineError(
            "no quasar is judged",
            value=f"{len(judged)} spectra in the set judge",
            next="give the set more sky (splits.shares), or the run more spectra",
        )
    kept = ["spectrum_id", "object_id", "group", "bal", "kind", "z_reference", "sn_median", "wave_min", "wave_max"]
    return judged[kept].sort_values("spectrum_id", kind="stable", ignore_index=True)


def _named(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table in which what has a TARGETID is named by it alone: a coadd has fibres, not a fibre."""
    return table.assign(**{name: table[name].where(table.targetid == 0, -1) for name in FIBRE[:-1]})


def velocity_table(judged: pd.DataFrame, columns: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """Return a row a judged spectrum: reference and S/N, and of each estimator z, z_err, dv, p_wrong, flagged."""
    table = judged.drop(columns=["wave_min", "wave_max"])
    parts = [table]
    for name in estimators(columns):
        found = answer(columns, name)
        found.insert(2, "dv", velocity_difference(found.z, judged.z_reference))
        parts.append(found.drop(columns="z_second").add_suffix(f"_{name}"))
    return pd.concat(parts, axis=1)


def assess(judged: pd.DataFrame, columns: Mapping[str, np.ndarray], settings: AssessRedshifts, seed: int) -> dict:
    """Return all measures, JSON-ready.

    Parameters
    ----------
    judged : DataFrame
        From `judged_spectra`.
    columns : mapping
        Combined redshifts (N, ...) of the same spectra in the same order.
    """
    resampling = Resampling(settings.bootstrap, settings.confidence, seed)
    quasar = (judged.kind == "quasar").to_numpy()
    answers = {name: answer(columns, name) for name in estimators(columns)}
    found = {
        "judged": {name: int((judged.kind == name).sum()) for name in ("quasar", "galaxy", "star", "sky")},
        "objects": int(judged.group.nunique()),
        "confidence": settings.confidence,
        "estimators": {name: _one(judged, given, settings, resampling) for name, given in answers.items()},
        "failures_of_line_finders": {},
        "published": published(),
    }
    for key in sorted(columns):
        if key.startswith("line_confidence_"):
            lines = (np.asarray(columns[key])[:, :_LINES] > settings.line_confidence).sum(axis=1)
            failed = quasar & (lines < settings.failure_lines)
            name = key.removeprefix("line_confidence_")
            found["failures_of_line_finders"][name] = _subset(judged, answers, failed, resampling)
    return found


def _one(judged: pd.DataFrame, given: pd.DataFrame, settings: AssessRedshifts, resampling: Resampling) -> dict:
    quasar = (judged.kind == "quasar").to_numpy()
    dv = velocity_difference(given.z, judged.z_reference)
    right, flagged = np.abs(dv) < RIGHT_KM_S, given.flagged.to_numpy()
    group, confidence = judged.group.to_numpy(), settings.confidence

    def share(rows: np.ndarray) -> dict:
        flags = counted(int((rows & flagged).sum()), int(rows.sum()), confidence)
        return {
            **accuracy(dv[rows], group[rows], resampling),
            "flagged": flags,
            "unflagged": accuracy(dv[rows & ~flagged], group[rows & ~flagged], resampling),
        }

    def bins(values: pd.Series, edges: list[float]) -> list[dict]:
        place = np.digitize(values.to_numpy(), edges)
        pairs = zip(edges[:-1], edges[1:], strict=True)
        return [{"lower": a, "upper": b, **share(quasar & (place == n + 1))} for n, (a, b) in enumerate(pairs)]

    kept = right[quasar]
    outside = (given.z < settings.extremes[0]) | (given.z > settings.extremes[1])
    return {
        "quasars": share(quasar),
        "by_redshift": bins(judged.z_reference, settings.redshift_edges),
        "by_sn": bins(judged.sn_median, settings.sn_edges),
        "by_class": {
            name: share(quasar & (judged.bal == code).to_numpy())
            for name, code in (("quasar", -1), ("BAL", 1), ("unknown", 0))
        },
        "curve": curve(dv[quasar]),
        "curve_unflagged": curve(dv[quasar & ~flagged]),
        "dv_of_right": _spread(dv[quasar][kept]),
        "pulls": pulls(given.z[quasar].to_numpy(), given.z_err[quasar].to_numpy(),
                       judged.z_reference[quasar].to_numpy(), confidence),
        "failure_probability": failure_probability(
            given.p_wrong.to_numpy(), right & quasar, settings.bins, confidence
        ),
        "unflagged_failures": int((quasar & ~right & ~flagged).sum()),
        "others_unflagged": unflagged_others(judged.kind.to_numpy(), flagged, confidence),
        "extremes": counted(int((quasar & ~right & outside).sum()), int(quasar.sum()), confidence),
        "line_confusion": _confusion(judged, given, quasar & ~right, settings),
        "catastrophic": _catastrophic(judged, given, dv, quasar & ~right, settings),
    }  # fmt: skip


def _spread(dv: np.ndarray) -> dict:
    """Median and half-width of the central 68 % of velocity errors of right redshifts, km/s."""
    if not len(dv):
        return {"spectra": 0, "median": None, "half_width": None}
    low, middle, high = np.quantile(dv, [0.15865, 0.5, 0.84135])
    return {"spectra": len(dv), "median": float(middle), "half_width": float((high - low) / 2)}


def _confusion(judged: pd.DataFrame, given: pd.DataFrame, rows: np.ndarray, settings: AssessRedshifts) -> dict:
    part = judged[rows]
    return line_confusion.table(
        given.z[rows].to_numpy(), part.z_reference.to_numpy(), settings.confusion_km_s,
        part.wave_min.to_numpy(), part.wave_max.to_numpy(),
    )  # fmt: skip


def _catastrophic(judged, given, dv, rows, settings: AssessRedshifts) -> list[dict]:
    """Return the wrong redshifts of quasars that are furthest off, unflagged ones first."""
    places = np.flatnonzero(rows)
    size = np.where(np.isfinite(dv[places]), np.abs(dv[places]), np.inf)
    order = np.lexsort((judged.spectrum_id.to_numpy()[places], -size, given.flagged.to_numpy()[places]))
    chosen = places[order][: settings.listed]
    part, found = judged.iloc[chosen], given.iloc[chosen]
    named = line_confusion.name(
        found.z.to_numpy(), part.z_reference.to_numpy(), settings.confusion_km_s,
        part.wave_min.to_numpy(), part.wave_max.to_numpy(),
    )  # fmt: skip
    return [
        {
            "spectrum_id": int(spectrum.spectrum_id),
            "object_id": int(spectrum.object_id),
            "z_reference": float(spectrum.z_reference),
            "z": _number(one.z),
            "z_second": _number(one.z_second),
            "dv": _number(velocity),
            "sn_median": _number(spectrum.sn_median),
            "p_wrong": float(one.p_wrong),
            "flagged": bool(one.flagged),
            "line_confusion": str(confusion),
        }
        for spectrum, one, velocity, confusion in zip(
            part.itertuples(), found.itertuples(), dv[chosen], named, strict=True
        )
    ]


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _subset(judged: pd.DataFrame, answers: dict, rows: np.ndarray, resampling: Resampling) -> dict:
    """Return the accuracy of every estimator on some quasars (Fig. 4b and 5 of the FNet paper), and who they are."""
    part = judged[rows]
    found = {}
    for name, given in answers.items():
        dv = velocity_difference(given.z[rows], part.z_reference)
        found[name] = {**accuracy(dv, part.group.to_numpy(), resampling), "curve": curve(dv)}
    return {"quasars": len(part), "spectrum_id": part.spectrum_id.tolist(), "estimators": found}
