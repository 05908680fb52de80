"""Do embeddings tell two known classes of a real sample apart, beside an untrained network and plain colours?

Inputs: embeddings of all encoders named, catalogue with `known_class`. Output: AUC with interval for each row, as JSON.
"""

import json
from itertools import combinations

import numpy as np
import torch

from pipeline.assess.class_probe import nested_scores
from pipeline.assess.crossvalidation import auc, auc_within_folds, widened
from pipeline.assess.metrics import percentile_interval
from pipeline.assess.resampling import draws
from pipeline.data.atomic import write_text
from pipeline.data.datasets import read_tables
from pipeline.data.sky import cells
from pipeline.errors import PipelineError
from pipeline.labels.audit import TRANSDUCTIVE
from pipeline.settings.assess import Classes, Judged
from pipeline.stages._door import Job, door
from pipeline.stages._features import embeddings_by_encoder, read_features


def run(job: Job) -> None:
    """Fit in folds, measure, write."""
    judged, settings = Judged.parse(job.settings["judged"]), Classes.parse(job.settings["classes"])
    seed = job.settings["seed"]
    torch.set_num_threads(1)
    table = read_tables(job.paths["catalogue"], ["ra", "dec", "known_class"])
    known = table["known_class"].astype(str)
    table = table[known.isin([settings.positive, settings.negative])].reset_index(drop=True)
    labels = (table["known_class"].astype(str) == settings.positive).to_numpy()
    if labels.all() or not labels.any():
        raise PipelineError(
            "the catalogue does not hold both classes",
            where="assess.classes",
            value=f"{int(labels.sum())} of {settings.positive}, {int((~labels).sum())} of {settings.negative}",
            allowed=", ".join(sorted(set(known))),
        )
    cell = cells(table["ra"], table["dec"], job.settings["nside"])
    ids = table["object_id"].to_numpy()
    rows, scores = {}, {}
    fold = np.zeros(len(ids), dtype=np.int64)
    options = {
        "folds": settings.folds,
        "inner_folds": settings.inner_folds,
        "seed": seed,
        "max_iterations": settings.max_iterations,
        "tolerance": settings.gradient_tolerance,
    }
    for name, features in settings.rows.items():
        embeddings = embeddings_by_encoder(job.paths["embeddings"], features)
        _, matrix = read_features(features, embeddings, job.paths["catalogue"], ids, settings.normalize)
        scores[name], fold, chosen = nested_scores(matrix, labels, cell, settings.l2, **options)
        measured = auc(
            labels, scores[name], fold, cell, bootstrap=judged.bootstrap, confidence=judged.confidence, seed=seed
        )
        rows[name] = {**measured, "features": features, "columns": matrix.shape[1], "l2": chosen}
        job.log.event("row", name=name, auc=f"{measured['auc']:.4f}", low=measured["low"], high=measured["high"])
    differences = _differences(labels, scores, fold, cell, judged, seed)
    found = {
        "positive": settings.positive,
        "negative": settings.negative,
        "folds": settings.folds,
        "confidence": judged.confidence,
        "transductive": job.settings["transductive"],
        "rows": rows,
        "differences": differences,
        "closing": [
            f"{settings.positive} against {settings.negative} ({labels.sum()} and {(~labels).sum()} objects, "
            f"{settings.folds} folds by sky cell, {judged.confidence:.0%} intervals):",
            *(f"  {name}: AUC {row['auc']:.3f} ({row['low']:.3f} to {row['high']:.3f})" for name, row in rows.items()),
            *(f"  {_difference_text(row)}" for row in differences),
            *([f"  {TRANSDUCTIVE}"] if job.settings["transductive"] else []),
        ],
    }
    write_text(job.out["out"], json.dumps(found, indent=1, sort_keys=True, allow_nan=False) + "\n")
    job.rows_in, job.rows_out = len(known), len(ids)


def _differences(labels, scores, fold, cell, judged: Judged, seed: int) -> list[dict]:
    """Return for each pair of rows the AUC of the better one less that of the other, with paired intervals."""
    ones = np.ones(len(labels))
    value = {name: auc_within_folds(labels, one, fold, ones) for name, one in scores.items()}
    copies = list(draws(labels, cell, judged.bootstrap, seed, "auc"))
    drawn = {name: np.array([auc_within_folds(labels, one, fold, of) for of in copies]) for name, one in scores.items()}
    rows = []
    for first, second in combinations(sorted(scores, key=lambda name: (-value[name], name)), 2):
        gap = value[first] - value[second]
        low, high = widened(gap, *percentile_interval(drawn[first] - drawn[second], judged.confidence))
        rows.append({"first": first, "second": second, "difference": gap, "low": float(low), "high": float(high)})
    return rows


def _difference_text(row: dict) -> str:
    gap = f"{row['difference']:+.3f} ({row['low']:+.3f} to {row['high']:+.3f})"
    return f"{row['first']} less {row['second']}: {gap}"


def main(argv=None) -> int:
    """Run the stage."""
    return door("assess_classes", run, argv, inputs=("embeddings*", "catalogue+"), outputs=("out",))


if __name__ == "__main__":
    raise SystemExit(main())
