"""Precision against the ratio of non-lenses to lenses in the training set (Stein et al. 2021, Figure 4).

Inputs: embeddings, catalogue, sample, splits, labels, truth (simulated surveys). Output: a row for each ratio, as JSON.
"""

import json

import numpy as np
import torch

from pipeline.assess import metrics
from pipeline.assess.resampling import draws
from pipeline.data.atomic import write_text
from pipeline.learn import probe
from pipeline.settings.assess import Judged, TrainingRatios
from pipeline.settings.models import Probe
from pipeline.stages._door import Job, door
from pipeline.stages._features import embeddings_by_encoder, read_features
from pipeline.stages._judged import read_judged
from pipeline.stages._sample import held_out_rows, read_sample, training_rows


def run(job: Job) -> None:
    """Train the probe at each ratio that the sample carries, judge, write."""
    settings = Judged.parse(job.settings["judged"])
    ratios, model = TrainingRatios.parse(job.settings["training_ratios"]), Probe.parse(job.settings["model"])
    torch.set_num_threads(model.threads)
    judged = read_judged(job, settings, [])
    sample = read_sample(job.paths["sample"])
    select = held_out_rows(sample, "select")
    embeddings = embeddings_by_encoder(job.paths["embeddings"], model.features)

    def features(rows):
        ids = rows["object_id"].to_numpy()
        return read_features(model.features, embeddings, job.paths["catalogue"], ids, model.normalize)[1]

    whole = training_rows(sample, None)
    train_features, select_features, judged_features = features(whole), features(select), features(judged.table)
    labels = judged.table["is_lens"].to_numpy()
    found, seen = [], 0
    for tier in range(len(job.settings["ratios"])):
        inside = (whole["tier"] <= tier).to_numpy()
        train = whole[inside]
        others = int((train["label"] == 0).sum())
        if others == seen:
            continue  # the survey has no more non-lenses than the smaller ratio took
        seen = others
        fitted = probe.fit(
            train_features[inside],
            train["label"].to_numpy(),
            select_features,
            select["label"].to_numpy(),
            l2=model.l2,
            max_iterations=model.max_iterations,
            history_size=model.history_size,
            gradient_tolerance=model.gradient_tolerance,
            inspect=model.top_n.inspect,
            search_size=model.top_n.of,
        )
        scores = probe.score(fitted.network, judged_features, model.score_rows)
        of_train = probe.score(fitted.network, train_features[inside], model.score_rows)
        row = _row(judged.table, labels, scores, ratios.top, settings, job.settings["seed"])
        on_train = metrics.lenses_in_top(train["label"], of_train, train["object_id"].to_numpy(), ratios.top)
        row["train"] = metrics.share(on_train, min(ratios.top, len(train)), settings.confidence)
        lenses = int((train["label"] == 1).sum())
        counts = {"lenses": lenses, "others": others, "ratio": others / lenses}
        found.append({"nominal": job.settings["ratios"][tier], **counts, **row})
        job.log.event("ratio", lenses=lenses, others=others, first=ratios.top, precision=row["precision"]["value"])
    content = {
        "model": ratios.model,
        "simulated": job.settings["simulated"],
        "judged": judged.summary,
        "confidence": settings.confidence,
        "first": ratios.top,
        "rows": found,
    }
    write_text(job.out["out"], json.dumps(content, indent=1, sort_keys=True, allow_nan=False) + "\n")


def _row(table, labels: np.ndarray, scores: np.ndarray, top: int, settings: Judged, seed: int) -> dict:
    order = metrics.Order(labels, scores)
    drawn = [
        metrics.average_precision(order.curve(copies))
        for copies in draws(labels, table["system"].to_numpy(), settings.bootstrap, seed, "ratios")
    ]
    low, high = metrics.percentile_interval(np.array(drawn), settings.confidence)
    hits = metrics.lenses_in_top(labels, scores, table["object_id"].to_numpy(), top)
    return {
        "precision": metrics.share(hits, min(top, len(labels)), settings.confidence),
        "average_precision": {"value": metrics.average_precision(order.curve()), "low": low, "high": high},
    }


def main(argv=None) -> int:
    """Run the stage."""
    return door(
        "training_ratios",
        run,
        argv,
        inputs=("embeddings*", "catalogue+", "sample", "splits", "labels", "truth*"),
        outputs=("out",),
    )


if __name__ == "__main__":
    raise SystemExit(main())
