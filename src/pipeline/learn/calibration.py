"""From logits to probabilities of being a lens, at the share of lenses that a survey is said to have."""

import numpy as np
from scipy.special import expit, logit

from pipeline.data import random
from pipeline.errors import PipelineError


def _isotonic(scores: np.ndarray, labels: np.ndarray) -> dict:
    from sklearn.isotonic import IsotonicRegression  # a second, here and below: most stages only apply a curve

    # Bounds by the rule of succession: no finite sample shows a probability of exactly 0 or 1.
    least = 1 / (len(labels) + 2)
    model = IsotonicRegression(y_min=least, y_max=1 - least, out_of_bounds="clip").fit(scores, labels)
    return {"scores": model.X_thresholds_.tolist(), "probabilities": model.y_thresholds_.tolist()}


def _platt(scores: np.ndarray, labels: np.ndarray) -> dict:
    """Slope and intercept by Platt 1999: targets (n1 + 1)/(n1 + 2) and 1/(n0 + 2), so that few lenses do not saturate.

    A falling curve is no calibration of a score: there the slope is 0 and the probability is the sample's share.
    """
    from sklearn.linear_model import LogisticRegression

    lenses = int(labels.sum())
    others = len(labels) - lenses
    target = np.where(labels == 1, (lenses + 1) / (lenses + 2), 1 / (others + 2))
    twice, classes = np.concatenate([scores, scores]), np.repeat([1, 0], len(scores))
    weights = np.concatenate([target, 1 - target])
    centre, spread = scores.mean(), scores.std() or 1.0
    model = LogisticRegression(C=np.inf, tol=1e-8, max_iter=1000)
    model.fit(((twice - centre) / spread)[:, None], classes, sample_weight=weights)
    slope = float(model.coef_[0, 0] / spread)
    if slope <= 0:
        return {"slope": 0.0, "intercept": float(logit(target.mean()))}
    return {"slope": slope, "intercept": float(model.intercept_[0] - slope * centre)}


FITS = {"isotonic": _isotonic, "platt": _platt}


def _apply(curve: dict, scores: np.ndarray) -> np.ndarray:
    """Probabilities at the sample's own share of lenses."""
    if "slope" in curve:
        return expit(curve["slope"] * scores + curve["intercept"])
    return np.interp(scores, curve["scores"], curve["probabilities"])


def shift_share(probability: np.ndarray, sample_share: float, survey_share: float) -> np.ndarray:
    """Return probabilities (N,) after a change of the share of lenses, by Bayes' rule on the odds.

    Holds where lenses look alike, and non-lenses look alike, in the sample and in the survey.
    """
    with np.errstate(divide="ignore"):
        return expit(logit(probability) + logit(survey_share) - logit(sample_share))


def probability(calibration: dict, scores: np.ndarray) -> np.ndarray:
    """Return the probability (N,) float64 of being a lens for logits (N,), at the survey's share of lenses.

    Parameters
    ----------
    calibration : dict
        As `calibrate` returned it (or as read from its JSON).
    scores : (N,)
        Logits. NaN gives NaN.
    """
    raw = _apply(calibration["curve"], np.asarray(scores, dtype=np.float64))
    return shift_share(raw, calibration["sample_share"], calibration["survey_share"])


def _folds(object_id: np.ndarray, labels: np.ndarray, n: int, seed: int) -> np.ndarray:
    """Deal rows to n folds at random, each with its part of the lenses.

    Never in the order of scores: neighbours in score would lie in different folds, and each would give away the other.
    """
    fold = np.empty(len(labels), dtype=np.int64)
    rank = random.ranks(seed, "calibrate", 0, object_id)
    fold[np.lexsort((object_id, rank, labels))] = np.arange(len(labels)) % n
    return fold


def reliability(labels: np.ndarray, probabilities: np.ndarray, bins: int) -> list[dict]:
    """Return, for bins in which equally many lenses are expected, the mean probability beside the share of lenses.

    Where lenses are rare, bins of equally many objects would nearly all hold none. labels, probabilities (N,).
    Each bin: `objects`, `lenses`, `lowest`, `highest`, `mean_probability`, `lens_share`.
    """
    order = np.argsort(probabilities, kind="stable")
    rows = []
    expected = np.cumsum(probabilities[order])
    edges = np.searchsorted(expected, expected[-1] * np.arange(1, bins) / bins)
    for part in np.split(order, np.unique(edges)):
        if not len(part):
            continue
        rows.append(
            {
                "objects": len(part),
                "lenses": int(labels[part].sum()),
                "lowest": float(probabilities[part[0]]),
                "highest": float(probabilities[part[-1]]),
                "mean_probability": float(probabilities[part].mean()),
                "lens_share": float(labels[part].mean()),
            }
        )
    return rows


def calibrate(
    object_id: np.ndarray,
    scores: np.ndarray,
    labels: np.ndarray,
    *,
    method: str,
    survey_share: float | None,
    bins: int,
    folds: int,
    seed: int,
) -> dict:
    """Fit the map from logits to probabilities, and say how good it is.

    Brier score and reliability bins are those of held-out folds (each object judged by a curve that did not see it) at
    the sample's own share of lenses; the curve that is returned comes from all objects.

    Parameters
    ----------
    object_id, scores, labels : (N,)
        Identities, logits, and 1 for a lens or 0, of the calibrate set.
    method : str
        "isotonic" or "platt".
    survey_share : float or None
        Share of lenses in the survey, to which probabilities are moved; None keeps the sample's.
    bins, folds, seed : int

    Returns
    -------
    dict
        JSON-ready: `method`, `curve`, `sample_share`, `survey_share`, `objects`, `lenses`, `brier` and
        `brier_of_constant` (that of the share alone), `reliability`, `folds`.

    Raises
    ------
    PipelineError
        No lens or no non-lens, or a score that is not finite.
    """
    scores, labels = np.asarray(scores, dtype=np.float64), np.asarray(labels).astype(np.int64)
    lenses = int(labels.sum())
    if not 0 < lenses < len(labels):
        raise PipelineError(
            "calibration needs lenses and non-lenses",
            where="the calibrate set of the sample",
            value=f"{lenses} lenses among {len(labels)} objects",
            next="give the set more sky cells (splits), or the run more lenses",
        )
    if not np.isfinite(scores).all():
        raise PipelineError("scores are not finite", value=f"{int((~np.isfinite(scores)).sum())} of {len(scores)}")
    fit = FITS[method]
    used = min(folds, lenses, len(labels) - lenses)
    held_out = np.full(len(scores), labels.mean())
    if used > 1:
        fold = _folds(object_id, labels, used, seed)
        for number in range(used):
            away = fold != number
            held_out[~away] = _apply(fit(scores[away], labels[away]), scores[~away])
    share = lenses / len(labels)
    return {
        "method": method,
        "curve": fit(scores, labels),
        "sample_share": share,
        "survey_share": share if survey_share is None else survey_share,
        "objects": len(labels),
        "lenses": lenses,
        "folds": used,
        "brier": float(np.mean((held_out - labels) ** 2)) if used > 1 else None,
        "brier_of_constant": share * (1 - share),
        "reliability": reliability(labels, held_out, bins) if used > 1 else [],
    }
