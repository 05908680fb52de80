"""The page docs/results-redshifts.md: what a run measured of redshifts, with the command, the commit, sample sizes."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import yaml

from pipeline import graph
from pipeline.data.atomic import write_text
from pipeline.errors import PipelineError
from pipeline.release.redshift_figures.names import in_order, title
from pipeline.release.results_page import commit, seconds, table

LIMITS = ("3000", "6000", "12000", "30000")
_WITHIN = tuple(f"within {int(limit):,} km/s" for limit in LIMITS)
_FULL_KERNELS = {"fnet": [500, 200, 15], "rnet": [200, 200, 20]}  # the FNet paper's section 3.1, the RNet slides
_REAL = {"a": "half a, which could be looked at", "b": "half b, read by the command alone", "both": "both halves"}


def write_redshift_page(results: Path, out: Path) -> None:
    """Write the figures of a run's redshifts as Markdown.

    Parameters
    ----------
    results : Path
        results/<run>; work/<run> beside it tells how long its stages took.
    out : Path

    Raises
    ------
    PipelineError
        The redshifts of the run are not assessed.
    """
    folder = results / "spectra" / "assessment"
    if not (folder / "redshifts.json").is_file():
        raise PipelineError("the redshifts of this run are not assessed", where=folder, next="snakemake redshifts")
    settings = yaml.safe_load((results / "settings.yaml").read_text(encoding="utf-8"))
    provenance = []
    for path in sorted(Path("work", results.name, "provenance").glob("*.json")):
        one = json.loads(path.read_text(encoding="utf-8"))
        parts = {part for output in one["outputs"].values() for part in Path(output).parts}
        if parts & {"spectra", "redshifts"} or one["stage"].startswith("simulate_spectra"):
            provenance.append(one)
    spectra = {"seed": settings["seed"], **settings["spectra"]}
    write_text(
        out,
        page(
            {
                "run": results.name,
                "command": f"skysieve results {results.name} --redshifts --out {out.as_posix()}",
                "commit": commit(),
                # As the headers of the released tables have it.
                "digest": hashlib.sha256(graph.payload(**graph.without_execution(spectra)).encode()).hexdigest()[:32],
                "settings": settings["spectra"],
                "files": {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in folder.glob("*.json")},
                "provenance": provenance,
            }
        ),
    )


def page(content: Mapping) -> str:
    """Return the page.

    Parameters
    ----------
    content : mapping
        `run`, `command`, `commit`, `digest`, `settings` (the section spectra), `files` (assessments by name),
        `provenance` (what stages recorded).
    """
    found = content["files"]["redshifts"]
    lines = [f"# Redshifts of the run `{content['run']}`", ""]
    if found["simulated"]:
        lines += ["**SIMULATED**: trained and judged on simulated spectra, but where real ones are named.", ""]
    machines = sorted({f"{one['machine']}, Python {one['python']}" for one in content["provenance"]})
    judged = found["judged"]
    rows = [
        ("written by", f"`{content['command']}`"),
        ("commit", f"`{content['commit']}`"),
        ("digest of the settings", f"`{content['digest']}`"),
        ("judged", ", ".join(f"{number:,} {kind}" for kind, number in judged.items())),
        ("reference", "the simulation's truth" if found["reference"] == "truth" else "labels"),
        ("intervals", f"{found['confidence']:.0%}; by object"),
        *([("machine", "; ".join(machines))] if machines else []),
    ]
    lines += [*table(("", ""), rows), "", *_smaller(content["settings"]["estimators"])]
    lines += [*_accuracy(found), *_others(found), *_by(found), *_wrong(found)]
    lines += _masked(content["files"]["masked_lines"]) if "masked_lines" in content["files"] else []
    if "sweeps" in content["files"]:
        lines += _sweeps(content["files"]["sweeps"], content["settings"]["sweeps"]["network"]["input"]["rebin"])
    for half, real in sorted(content["files"].get("redshifts_real", {}).items()):
        lines += _real(half, real)
    return "\n".join([*lines, *seconds(content["provenance"])]).rstrip() + "\n"


def _smaller(estimators: Mapping) -> list[str]:
    """Say which networks are smaller than in their source: of these nothing is measured at full size."""
    lines = []
    for name, one in estimators.items():
        full = _FULL_KERNELS.get(one["kind"])
        if full and (one["input"]["rebin"] > 1 or one["size"]["kernels"] != full):
            lines += [
                f"{title(name)} has kernels {one['size']['kernels']} on pixels of {one['input']['rebin']} of the "
                f"grid's here, {full} in its source. Its accuracy at full size is not measured.",
                "",
            ]
    return lines


def _cell(row: Mapping | None) -> str:
    """Return "97.1 % (96.0 to 98.0)"; a share of nothing is a dash."""
    if row is None or row["share"] is None:
        return "-"
    return f"{100 * row['share']:.1f} % ({100 * row['low']:.1f} to {100 * row['high']:.1f})"


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _within(row: Mapping) -> list[str]:
    return [_cell(row["within"][limit]) for limit in LIMITS]


def _accuracy(found: Mapping) -> list[str]:
    names = in_order(found["estimators"])
    head = ("estimator", "quasars", *_WITHIN, "flagged", "not flagged", "of those within 6,000 km/s")
    rows = []
    for name in names:
        one = found["estimators"][name]["quasars"]
        sure = one["unflagged"]
        rows.append(
            [title(name), one["spectra"], *_within(one), _cell(one["flagged"]), sure["spectra"]]
            + [_cell(sure["within"]["6000"])]
        )
    lines = ["## Accuracy", "", *table(head, rows), "", "Published, on other samples:", ""]
    published = [
        [row["method"], row["sample"]]
        + [f"{row['within'][limit]:.1f} %" if limit in row["within"] else "" for limit in LIMITS[1:]]
        + [row["mark"], row["source"]]
        for row in found["published"]
    ]
    lines += [*table(("method", "sample", *_WITHIN[1:], "", "source"), published), ""]
    for name, failed in found["failures_of_line_finders"].items():
        lines += [f"Quasars on which {title(name)} fails (fewer lines than it needs): {failed['quasars']}.", ""]
        if failed["quasars"]:
            inner = failed["estimators"]
            lines += [*table(("estimator", *_WITHIN), [[title(n), *_within(inner[n])] for n in in_order(inner)]), ""]
    return lines


def _others(found: Mapping) -> list[str]:
    rows = []
    for name in in_order(found["estimators"]):
        others = found["estimators"][name]["others_unflagged"]
        cells = [f"{others[kind]['count']} of {others[kind]['of']}: {_cell(others[kind])}" for kind in others]
        rows.append([title(name), *cells])
    head = ("estimator", *next(iter(found["estimators"].values()))["others_unflagged"])
    return ["## Spectra of no quasars that got a quasar's redshift without a flag", "", *table(head, rows), ""]


def _by(found: Mapping) -> list[str]:
    lines = []
    names = in_order(found["estimators"])
    for key, word in (("by_redshift", "redshift"), ("by_sn", "S/N of a pixel")):
        rows = []
        for number, one in enumerate(found["estimators"][names[0]][key]):
            cells = [_cell(found["estimators"][name][key][number]["within"]["6000"]) for name in names]
            rows.append([f"{one['lower']:g} to {one['upper']:g}", one["spectra"], *cells])
        head = (word, "quasars", *(title(name) for name in names))
        lines += [f"## Within 6,000 km/s by {word}", "", *table(head, rows), ""]
    return lines


def _wrong(found: Mapping) -> list[str]:
    rows = []
    for name in in_order(found["estimators"]):
        one = found["estimators"][name]
        pairs = sorted(one["line_confusion"]["pairs"].items(), key=lambda pair: -pair[1])[:4]
        pulls, failure = one["pulls"], one["failure_probability"]
        rows.append(
            [
                title(name),
                one["line_confusion"]["wrong"],
                f"{one['line_confusion']['explained']} ({_number(one['line_confusion']['by_chance'], 0)} by chance)",
                ", ".join(f"{pair}: {number}" for pair, number in pairs),
                _cell(pulls["within_1"]),
                f"{_number(failure['brier'], 3)} ({_number(failure['brier_of_constant'], 3)})",
            ]
        )
    head = ("estimator", "wrong", "one line taken for another", "most often", "errors: within 1 sigma", "Brier score")
    note = "The Brier score is that of the probability of being wrong, in brackets that of a constant."
    return ["## What goes wrong, and how well it is known", "", *table(head, rows), "", note, ""]


def _masked(found: Mapping) -> list[str]:
    rows = [
        [
            title(one["name"]),
            "removed" if one["masked"] else "kept",
            f"{one['train']} and {one['network']['n']}",
            f"{one['network']['rms']:.0f}",
            f"{one['constant']['rms']:.0f}",
            f"{one['skill']:.2f}",
            f"{100 * one['network']['within']['6000']:.1f} %",
            f"{100 * one['constant']['within']['6000']:.1f} %",
        ]
        for one in found["results"]
    ]
    head = ("network", "lines", "trained and judged", "rms, km/s", "of the constant", "skill", "within 6,000 km/s")
    low, high = found["z"]
    words = (
        f"Quasars at {low:g} ≤ z ≤ {high:g}; the constant is the training part's median redshift. The FNet paper "
        "prints 98.5 % and 99.5 % within 6,000 km/s with the lines removed (published, other sample)."
    )
    return ["## Masked lines", "", words, "", *table((*head, "of the constant"), rows), ""]


def _sweeps(found: Mapping, rebin: int) -> list[str]:
    rows = [
        [one["varied"], one["value"], one["test"]["n"], f"{100 * one['test']['within']['6000']:.1f} %"]
        for one in found["results"]
    ]
    words = f"FNet, one choice changed at a time. Kernels are in pixels of the input, {rebin} of the grid's each."
    head = ("varied", "value", "judged", "within 6,000 km/s")
    return ["## Choices of the training", "", words, "", *table(head, rows), ""]


def _real(half: str, found: Mapping) -> list[str]:
    lines = [f"## Real spectra: {_REAL[half]}", "", f"Evaluated {found['evaluations']} time(s).", ""]
    for words, report in (("As trained", found["redshifts"]), ("Trained on in folds", found["fine_tuned"])):
        if report is None:
            continue
        counts = [f"{one['spectra']} {kind} ({one['objects']} objects)" for kind, one in report["spectra"].items()]
        lines += [f"### {words}", "", f"{', '.join(counts)}; {report['filter']['quasars']}.", ""]
        names = in_order(report["estimators"])
        rows = []
        for name in names:
            one = report["estimators"][name]
            sure, sky = one["quasars"]["unflagged"], one["others_unflagged"]["sky"]
            rows.append(
                [title(name), *_within(one["quasars"]), _cell(one["quasars"]["flagged"])]
                + [f"{sure['spectra']}: {_cell(sure['within']['6000'])}", one["quasars"]["unflagged_failures"]]
                + [f"{sky['count']} of {sky['of']}: {_cell(sky)}"]
            )
        head = ("estimator", *_WITHIN, "flagged", "not flagged, within 6,000 km/s", "wrong without a flag")
        lines += [*table((*head, "skies without a flag"), rows), ""]
        lines += _real_parts(report["estimators"], names) + _real_spectra(report["estimators"][names[0]])
    return lines


def _real_parts(estimators: Mapping, names: list[str]) -> list[str]:
    """Return the accuracy by the kind of reference, survey and redshift."""
    rows = []
    for key, words in (
        ("inspected_or_dr16q", "inspected or in DR16Q"),
        ("other_references", "other references, less independent"),
        ("as_listed", "all that `pipe_class` calls QSO"),
    ):
        rows.append((words, [estimators[name][key] for name in names]))
    first = estimators[names[0]]
    for survey in first["by_survey"]:
        rows.append((survey, [estimators[name]["by_survey"][survey] for name in names]))
    for number, one in enumerate(first["by_redshift"]):
        words = f"{one['lower']:g} to {one['upper']:g}" + (", too few to claim anything" * one["nothing_claimed"])
        rows.append((f"z from {words}", [estimators[name]["by_redshift"][number] for name in names]))
    cells = [[words, found[0]["spectra"], *(_cell(one["within"]["6000"]) for one in found)] for words, found in rows]
    return ["Within 6,000 km/s:", "", *table(("", "quasars", *map(title, names)), cells), ""]


def _real_spectra(one: Mapping) -> list[str]:
    """Return the pairs of spectra of one object, and each spectrum that went wrong."""
    lines = []
    for words, found in (("", one["pairs"]), (" in two surveys", one["pairs"]["across_surveys"])):
        lines.append(
            f"- {found['pairs']} pairs of spectra of one quasar{words}: {found['agree']} agree within 6,000 km/s, "
            f"{found['differ_with_a_flag']} differ with a flag, {found['differ_without']} without."
        )
    rows = [
        [bad["file"].rsplit("/", 1)[-1], bad["kind"], _number(bad["best_z"], 4), _number(bad["z"], 4)]
        + [_number(bad["z_second"], 4), _number(bad["sn_median"], 1), _number(bad["p_wrong"], 2)]
        + ["yes" if bad["flagged"] else "no", bad["reference"] or "-"]
        for bad in (*one["failures"], *one["others_listed"])
    ]
    head = ("wrong or no quasar", "class", "reference z", "z", "second", "S/N", "P wrong", "flagged", "reference")
    return [*lines, "", *table(head, rows), ""] if rows else [*lines, ""]
