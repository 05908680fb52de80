"""From graders' scores to grades: the rules of Huang et al. 2021 (section 4) and Stein et al. 2021 (section 4.3)."""

from itertools import combinations

import numpy as np
import pandas as pd

GRADES = ("A", "B", "C", "")  # "" is rejected
# Lowest mean score of each grade (Huang et al. 2021, section 4).
HUANG_LIMITS = (("A", 3.5), ("B", 3.0), ("C", 2.0))


def huang(mean_score: np.ndarray) -> np.ndarray:
    """Return the grade (N,) of mean scores (N,): A from 3.5, B from 3, C from 2, else ""."""
    grade = np.full(len(mean_score), "", dtype=object)
    for name, limit in reversed(HUANG_LIMITS):
        grade[np.asarray(mean_score) >= limit] = name
    return grade


def stein(scores: pd.DataFrame, refiner: str) -> np.ndarray:
    """Return the grade (N,): the refiner's A or B where any grader gave A or B; else "".

    scores : one column a grader, values A, B, N, or "" where the refiner was not asked.
    """
    put_forward = scores.isin(["A", "B"]).any(axis=1).to_numpy()
    refined = scores[refiner].where(scores[refiner].isin(["A", "B"]), "").to_numpy(dtype=object)
    return np.where(put_forward, refined, "")


def grade(sheets: dict[str, pd.DataFrame], rule) -> pd.DataFrame:
    """Return the grades of a batch, sorted by object_id.

    Parameters
    ----------
    sheets : dict of DataFrame by grader
        object_id (text), score (text of the rule's scale), comment.
    rule : settings.grading.HuangRule or SteinRule

    Returns
    -------
    DataFrame
        object_id int64, grade, score_mean and score_delta (highest minus lowest; Huang's rule, else NaN), n_graders,
        `score_<grader>` (int under Huang's rule, else text) and `comment_<grader>`.
    """
    columns = {name: sheet.set_index("object_id") for name, sheet in sheets.items()}
    scores = pd.DataFrame({name: sheet["score"] for name, sheet in columns.items()})
    comments = pd.DataFrame({name: sheet["comment"] for name, sheet in columns.items()}).reindex(scores.index)
    scores, comments = scores.fillna(""), comments.fillna("")
    table = pd.DataFrame({"object_id": scores.index.astype(np.int64)})
    if rule.kind == "huang":
        numbers = scores.astype(np.int64)
        scores = numbers
        table["score_mean"] = numbers.mean(axis=1).to_numpy()
        table["score_delta"] = (numbers.max(axis=1) - numbers.min(axis=1)).to_numpy(dtype=np.float64)
        table.insert(1, "grade", huang(table["score_mean"].to_numpy()))
        table["n_graders"] = numbers.shape[1]
    else:
        table["grade"] = stein(scores, rule.refiner)
        table["score_mean"] = table["score_delta"] = np.nan
        table["n_graders"] = (scores != "").sum(axis=1).to_numpy()
    for name in sheets:
        table[f"score_{name}"] = scores[name].to_numpy()
        table[f"comment_{name}"] = comments[name].to_numpy(dtype=object)
    return table.sort_values("object_id", kind="stable", ignore_index=True)


def agreement(sheets: dict[str, pd.DataFrame], scale: list[str]) -> list[dict]:
    """Return Cohen's kappa of each pair of graders over the objects that both scored.

    Parameters
    ----------
    sheets : dict of DataFrame by grader
    scale : list of str
        Scores, worst first: the linearly weighted kappa counts steps between them.

    Returns
    -------
    list of dict
        `graders`, `objects`, `kappa` and `kappa_linear`; null where all scores of both are one and the same.
    """
    found = []
    for one, other in combinations(sheets, 2):
        both = sheets[one].merge(sheets[other], on="object_id", suffixes=("_1", "_2"))
        both = both[(both["score_1"] != "") & (both["score_2"] != "")]
        places = [both[column].map(scale.index).to_numpy() for column in ("score_1", "score_2")]
        defined = len(both) > 0 and len(np.unique(np.concatenate(places))) > 1
        kappas = {"kappa": None, "kappa_linear": None}
        if defined:
            from sklearn.metrics import cohen_kappa_score  # a second, which one grader alone does not pay

            labels = list(range(len(scale)))
            for key, weights in (("kappa", None), ("kappa_linear", "linear")):
                kappas[key] = round(float(cohen_kappa_score(*places, labels=labels, weights=weights)), 6)
        found.append({"graders": [one, other], "objects": len(both), **kappas})
    return found
