"""The summary of a release: what was found, how good it is, where to look. It feeds the last lines of a run."""

from pipeline.release.words import interval


def best_model(models: dict[str, dict]) -> str:
    """Return the model with the highest average precision on the judged objects."""
    return max(models, key=lambda name: (models[name]["average_precision"]["value"], name))


def recovery_text(row: dict) -> str:
    """Return one line on the recovery at a false-positive rate; "not measurable" with the sample size where it is."""
    rate = f"recovery at a false-positive rate of {row['false_positive_rate']:g}"
    if not row["measurable"]:
        return f"{rate}: not measurable (n = {row['others']} non-lenses, {row['false_positives']} false positives)"
    return f"{rate}: {interval(row, 2)}, n = {row['n']} lenses"


def difference_text(pair: dict, measure: str, confidence: float) -> str:
    """Return one line on a paired difference."""
    row = pair[measure]
    name = measure.replace("_", " ")
    if not row["measurable"]:
        return f"{pair['first']} less {pair['second']}, {name}: not measurable"
    return (
        f"{pair['first']} less {pair['second']}, {name}: {row['difference']:+.3f} "
        f"({confidence:.0%}: {row['low']:+.3f} to {row['high']:+.3f})"
    )


def survey_text(survey: dict) -> str:
    """Return one line on whether the simulated survey is honest, and how easy it is."""
    words = []
    for key, name in (("lens_or_zero_flux", "lenses/controls"), ("zero_flux_or_never_lensed", "controls/never lensed")):
        row = survey[key]
        words.append(f"{name} {interval({**row, 'value': row['auc']}, 2)}")
    colours = survey["colours"]
    easy = {True: ": TOO EASY", False: "", None: ""}[colours["too_easy"]]
    words.append(f"aperture colours {interval({**colours, 'value': colours['auc']}, 2)}{easy}")
    verdicts = [survey[key]["honest"] for key in ("lens_or_zero_flux", "zero_flux_or_never_lensed")]
    verdict = "NOT HONEST" if False in verdicts else "honest" if None not in verdicts else "not measurable"
    return f"survey ({verdict}; AUC, 0.5 is fair): {', '.join(words)}"


def enrichment_text(audit: dict) -> list[str]:
    """Return lines on the planted lenses that stand in no list; none for a real survey."""
    if "unlisted" not in audit:
        return []
    rows = {row["of"]: row for row in audit["unlisted"]["rows"]}
    lines = []
    for of in ("candidates", "graded"):
        row = rows[of]
        if row["n"] and row["ratio"] is not None:
            lines.append(
                f"planted lenses in no list: {row['completeness']['k']} of {row['completeness']['n']} among the "
                f"{row['n']} new {of if of == 'candidates' else 'graded ones'}: {row['ratio']:.1f} times their share "
                f"in the catalogue ({row['ratio_low']:.1f} to {row['ratio_high']:.1f})"
            )
    return lines


def closing_lines(
    counts: dict, models: dict[str, dict], differences: dict | None, survey: dict | None, audit: dict, where: list[str]
) -> list[str]:
    """Return the last lines of a run, at most a dozen."""
    grades = ", ".join(f"{number} {grade}" for grade, number in counts["grades"].items())
    mark = " (SIMULATED survey and grades)" if counts["simulated"] else ""
    lines = [
        f"found{mark}: {counts['candidates']} candidates ({grades}), {counts['new']} of them in no list; "
        f"{counts['inspected']} of {counts['objects']} objects inspected",
        *enrichment_text(audit),
    ]
    best = best_model(models)
    found = models[best]
    judged = found["judged"]
    lines.append(
        f"how good ({judged['lenses']} lenses, {judged['others']} others judged; {judged['share_text']}): {best} has "
        f"average precision {interval(found['average_precision'])}"
    )
    lines += [f"  {best}, {recovery_text(row)}" for row in found["recovery"]]
    if differences is not None:
        for pair in differences["all"]["pairs"]:
            lines.append(f"  {difference_text(pair, 'average_precision', differences['all']['confidence'])}")
    if survey is not None:
        lines.append(f"  {survey_text(survey)}")
    clear = [row for row in audit["known"]["rows"] if row["visibility"] == "clear" and not row["training"]]
    again = sum(row["fate"] in ("graded A", "graded B", "graded C") for row in clear)
    lines.append(f"known lenses with clear features that trained nothing: {again} of {len(clear)} graded A to C")
    return [*lines, *(f"look at: {path}" for path in where)]


def summary(
    counts: dict, models: dict[str, dict], differences: dict | None, survey: dict | None, audit: dict, where: list[str]
) -> dict:
    """Return the summary, JSON-ready: `closing` (lines), the counts, and for each model its main numbers."""
    first = next(iter(models.values()))["judged"]
    return {
        "product": "lenses",
        "run": counts["run"],
        "simulated": counts["simulated"],
        "share_text": first["share_text"],
        "label": first["label"],
        "found": {key: counts[key] for key in ("objects", "inspected", "candidates", "new", "grades", "per_lens")},
        "models": {
            name: {key: found[key] for key in ("average_precision", "auc", "recovery", "top")}
            for name, found in models.items()
        },
        "best_model": best_model(models),
        "differences": None if differences is None else differences["all"]["pairs"],
        "survey": survey,
        "unlisted": audit.get("unlisted"),
        "known": audit["known"]["fates"],
        "closing": closing_lines(counts, models, differences, survey, audit, where),
    }
