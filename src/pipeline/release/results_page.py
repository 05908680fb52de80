"""The page docs/results.md: what a finished run measured, with the command, the commit and the sample sizes."""

import hashlib
import json
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import yaml

from pipeline import graph
from pipeline.data.atomic import write_text
from pipeline.errors import PipelineError
from pipeline.release.words import in_order, interval
from pipeline.settings.run import RESERVED_NAMES

HONESTY = {
    "lens_or_zero_flux": "lenses or zero-flux controls, from what lies outside",
    "zero_flux_or_never_lensed": "zero-flux controls or hosts that never met the lens code, from everything",
    "colours": "lenses or others, from aperture colours (how easy is it?)",
}
PROPERTIES = {"theta_e": "Einstein radius (arcsec)", "mag_r": "r magnitude", "arc_snr": "signal to noise of the arcs"}


def write_results_page(results: Path, out: Path) -> None:
    """Write the figures of a run as Markdown.

    Parameters
    ----------
    results : Path
        results/<run>; work/<run> beside it tells how long its stages took.
    out : Path

    Raises
    ------
    PipelineError
        The run has no assessment.
    """
    rounds = sorted(results.glob("images/round-*/assessment"), key=lambda path: int(path.parent.name.split("-")[1]))
    assessed = [folder for folder in rounds if any(folder.glob("*.json"))]
    if not assessed:
        raise PipelineError("this run has no assessment yet", where=results, next="snakemake --cores all")
    settings = yaml.safe_load((results / "settings.yaml").read_text(encoding="utf-8"))
    settings.pop("spectra", None)
    provenance = [
        json.loads(path.read_text(encoding="utf-8"))
        for path in sorted(Path("work", results.name, "provenance").glob("*.json"))
    ]
    summary = results / "release" / "lenses" / "summary.json"
    content = {
        "run": results.name,
        "command": f"skysieve results {results.name} --out {out.as_posix()}",
        "commit": commit(),
        # As the headers of the released tables have it.
        "digest": hashlib.sha256(graph.payload(**graph.without_execution(settings)).encode()).hexdigest()[:32],
        "summary": json.loads(summary.read_text(encoding="utf-8")) if summary.is_file() else None,
        "rounds": {
            int(folder.parent.name.split("-")[1]): {
                path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))
            }
            for folder in assessed
        },
        "provenance": provenance,
    }
    write_text(out, page(content))


def commit() -> str:
    """Return the commit of the working directory, and whether it has changes that no commit holds."""

    def git(*arguments: str) -> str | None:
        done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)
        return done.stdout.strip() if done.returncode == 0 else None

    try:
        found = git("rev-parse", "HEAD")
        changed = git("status", "--porcelain", "--untracked-files=no")
    except FileNotFoundError:
        return "unknown (git is not installed)"
    if found is None:
        return "unknown (not a clone)"
    return f"{found}{', with uncommitted changes' if changed else ''}"


def page(content: Mapping) -> str:
    """Return the page.

    Parameters
    ----------
    content : mapping
        `run`, `command`, `commit`, `digest`, `summary` (or None), `rounds` (number -> name -> assessment),
        `provenance` (list of what stages recorded).
    """
    lines = [f"# Results of the run `{content['run']}`", ""]
    first = next((one for files in content["rounds"].values() for one in files.values() if "judged" in one), None)
    if any(one.get("simulated") for files in content["rounds"].values() for one in files.values()):
        lines += ["**SIMULATED**: sky, lenses and grades are simulated; no object here is real.", ""]
    lines += _about(content, first)
    if content["summary"] is not None:
        lines += ["## In short", "", *(f"- {line.strip()}" for line in content["summary"]["closing"]), ""]
    for number, files in content["rounds"].items():
        title = f"## Round {number}" if len(content["rounds"]) > 1 else "## Measured"
        lines += [title, "", *_round(files)]
    lines += seconds(content["provenance"])
    return "\n".join(lines).rstrip() + "\n"


def _about(content: Mapping, first: Mapping | None) -> list[str]:
    rows = [
        ("written by", f"`{content['command']}`"),
        ("commit", f"`{content['commit']}`"),
        ("digest of the settings", f"`{content['digest']}`"),
    ]
    if first is not None:
        judged = first["judged"]
        rows.append(("judged", f"{judged['lenses']:,} lenses and {judged['others']:,} others, {judged['share_text']}"))
        rows.append(("target", judged["target"]))
        if judged["label"]:
            rows.append(("note", judged["label"]))
        if "confidence" in first:
            rows.append(("intervals", f"{first['confidence']:.0%}"))
    machines = sorted({f"{one['machine']}, Python {one['python']}" for one in content["provenance"]})
    if machines:
        rows.append(("machine", "; ".join(machines)))
    return [*table(("", ""), rows), ""]


def _round(files: Mapping[str, Mapping]) -> list[str]:
    models = {name: found for name, found in files.items() if name not in RESERVED_NAMES}
    parts = [_models(models)] if models else []
    parts += [_comparison(files["comparison"])] if "comparison" in files else []
    parts += [_completeness(models)] if models else []
    parts += [_ratios(files["training_ratios"])] if "training_ratios" in files else []
    parts += [_survey(files["survey"])] if "survey" in files else []
    parts += [_candidates(files["candidates"])] if "candidates" in files else []
    parts += [_classes(files["classes"])] if "classes" in files else []
    return [line for part in parts for line in part]


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """Return a Markdown table; a bar in a cell is escaped."""

    def line(cells: Sequence[object]) -> str:
        return "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |"

    return [line(head), "|" + "---|" * len(head), *map(line, rows)]


def share(row: Mapping) -> str:
    """Return "12 of 40: 0.30 (0.18 to 0.45)" for a share; "none" where nothing was counted."""
    if row["value"] is None:
        return "none" if not row.get("n") else f"not measurable (n = {row['n']})"
    return f"{row['k']} of {row['n']}: {interval(row, 2)}"


def _models(models: Mapping[str, Mapping]) -> list[str]:
    first = next(iter(models.values()))
    rates = [row["false_positive_rate"] for row in first["recovery"]]
    head = ["model", "average precision", "AUC"]
    head += [f"recovery at false-positive rate {rate:g}" for rate in rates]
    head += [f"precision of the first {row['first']}" for row in first["top"]]
    rows = []
    for name, found in sorted(models.items(), key=lambda item: -item[1]["average_precision"]["value"]):
        recovered = [
            share(row) if row["measurable"] else f"not measurable ({row['others']} others)" for row in found["recovery"]
        ]
        areas = [interval(found["average_precision"]), interval(found["auc"])]
        rows.append([name, *areas, *recovered, *(share(row) for row in found["top"])])
    note = (
        f"Intervals of areas: bootstrap over systems; of shares: Wilson. A rate that stands for fewer than "
        f"{first['minimum_false_positives']} false positives is not measurable."
    )
    return ["### The models", "", *table(head, rows), "", note, ""]


def _comparison(found: Mapping) -> list[str]:
    lines = ["### Is one better than another?", ""]
    for key, title in (("all", "All judged objects"), ("matched", "Objects that look alike in the catalogue")):
        part = found[key]
        if "pairs" not in part:
            lines += [f"{title}: not measurable ({part['not_measurable']}).", ""]
            continue
        measures = in_order(part["pairs"][0])
        rows = [
            [f"{pair['first']} − {pair['second']}", name.replace("_", " "), *_difference(pair[name])]
            for pair in part["pairs"]
            for name in measures
        ]
        counted = f"{title}: {part['lenses']} lenses, {part['others']} others"
        if key == "matched":
            counted += f" (worth {part['effective_others']:.0f} of equal weight)"
        head = ("difference", "measure", f"value ({part['confidence']:.0%} interval)", "share of samples above zero")
        lines += [f"{counted}; paired bootstrap over systems, {part['bootstrap']} samples.", "", *table(head, rows), ""]
    return lines


def _difference(row: Mapping) -> tuple[str, str]:
    if not row["measurable"]:
        return "not measurable", ""
    return f"{row['difference']:+.3f} ({row['low']:+.3f} to {row['high']:+.3f})", f"{row['above_zero']:.3f}"


def _completeness(models: Mapping[str, Mapping]) -> list[str]:
    best = max(models, key=lambda name: models[name]["average_precision"]["value"])
    found = models[best]["completeness"]
    lines = ["### Completeness", "", f"Of `{best}`; found means: {found['found_by']}.", ""]
    for name, title in PROPERTIES.items():
        if (part := found["by"].get(name)) is None:
            continue
        rows = [(f"{row['from']:g} to {row['to']:g}", share(row)) for row in part["bins"]]
        lines += [*table((title, "found"), rows), ""]
        if part["outside"]:
            lines += [f"{part['outside']} lenses lie in none of these bins.", ""]
    if "unlisted" in found:
        lines += [f"Of the lenses that stand in no list: {share(found['unlisted'])}.", ""]
    return lines


def _ratios(found: Mapping) -> list[str]:
    rows = [
        [f"1 : {row['ratio']:.0f}", row["lenses"], row["others"], interval(row["average_precision"]),
         share(row["precision"]), share(row["train"])]
        for row in found["rows"]
    ]  # fmt: skip
    head = (
        "lenses : others", "lenses", "others", "average precision",
        f"precision of the first {found['first']}, judged", f"of the first {found['first']}, trained on",
    )  # fmt: skip
    return ["### Training ratios", "", f"`{found['model']}`, trained anew at each ratio.", "", *table(head, rows), ""]


def _survey(found: Mapping) -> list[str]:
    rows = []
    for key, title in HONESTY.items():
        row = found[key]
        if row["auc"] is None:
            area = f"not measurable ({row['not_measurable']})"
        else:
            area = interval({**row, "value": row["auc"]})
        verdict = row.get("honest") if "honest" in row else row.get("too_easy")
        words = {True: "yes", False: "no", None: "not measurable"}[verdict]
        rows.append([title, area, row["positives"], row["negatives"], row["features"], words])
    note = (
        f"Outside: further than {found['inner_radius']:g} arcsec from the centre, and noise, PSF, depth, file order "
        f"and identity. A {found['classifier']} in folds by sky cell; 0.5 within the interval is honest, above "
        f"{found['colours']['limit']:g} the colours alone would find the lenses."
    )
    head = ("can it be told?", "AUC", "positives", "negatives", "features", "honest / too easy")
    return ["### Is the simulated survey honest?", "", *table(head, rows), "", note, ""]


def _candidates(found: Mapping) -> list[str]:
    lines = ["### The candidates", ""]
    counted = f"{found['candidates']:,} candidates of {found['objects']:,} objects, {found['graded']:,} of them graded."
    lines += [counted, ""]
    if "unlisted" in found:
        rows = [
            [row["of"], share(row), "" if row["ratio"] is None else _times(row), share(row["completeness"])]
            for row in found["unlisted"]["rows"]
        ]
        head = ("among new", "are planted lenses in no list", "times their share in the catalogue", "of all of them")
        lines += [f"{found['unlisted']['planted']} planted lenses stand in no list.", "", *table(head, rows), ""]
    if "purity" in found:
        rows = [
            [row["grade"], share(row), row["faint"], ", ".join(f"{n} {kind}" for kind, n in row["others"].items())]
            for row in found["purity"]
        ]
        head = ("grade", "are lenses", "of these too faint to see", "the others are")
        lines += ["What the graded candidates are in truth:", "", *table(head, rows), ""]
    fates = [(name, number) for name, number in found["known"]["fates"].items()]
    head = (f"of {found['known']['systems']} known systems", "")
    return [*lines, *table(head, fates), ""]


def _times(row: Mapping) -> str:
    return f"{row['ratio']:.1f} ({row['ratio_low']:.1f} to {row['ratio_high']:.1f})"


def _classes(found: Mapping) -> list[str]:
    rows = [
        [name, ", ".join(row["features"]), interval({**row, "value": row["auc"]}), row["positives"], row["negatives"]]
        for name, row in found["rows"].items()
    ]
    lines = [f"### {found['positive']} or {found['negative']}", ""]
    lines += table(("row", "features", "AUC", found["positive"], found["negative"]), rows)
    differences = [
        [f"{row['first']} − {row['second']}", f"{row['difference']:+.3f} ({row['low']:+.3f} to {row['high']:+.3f})"]
        for row in found["differences"]
    ]
    return [*lines, "", *table(("difference", "AUC"), differences), ""]


def seconds(provenance: Sequence[Mapping]) -> list[str]:
    """Return the section on what each stage took."""
    if not provenance:
        return []
    stages: dict[str, list[Mapping]] = {}
    for one in provenance:
        stages.setdefault(one["stage"], []).append(one)
    rows = [
        [name, len(jobs), f"{sum(one['seconds'] for one in jobs):.0f}", f"{sum(one['rows'] for one in jobs):,}"]
        for name, jobs in sorted(stages.items(), key=lambda item: -sum(one["seconds"] for one in item[1]))
    ]
    total = sum(one["seconds"] for one in provenance)
    note = f"Together {total:,.0f} s of stages, of which several ran at a time; the last call of each job is counted."
    return ["## Seconds per stage", "", *table(("stage", "jobs", "seconds", "rows"), rows), "", note, ""]
