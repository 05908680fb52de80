"""The summary of the redshifts: what was found, how good it is, where to look. It feeds the last lines of a run."""

from pipeline.release.redshift_figures.names import COMBINED, in_order, title
from pipeline.release.redshift_words import counted, percent


def within(assessment: dict, name: str, km_s: str = "6000", *, unflagged: bool = False) -> str:
    """Return the share of an estimator's redshifts within a velocity, with its interval."""
    found = assessment["estimators"][name]["quasars"]
    return percent((found["unflagged"] if unflagged else found)["within"][km_s])


def accuracy_text(assessment: dict, name: str) -> str:
    """Return one line on an estimator: all quasars, those that are not flagged, how many are."""
    found = assessment["estimators"][name]["quasars"]
    return (
        f"{title(name)}: {within(assessment, name)} within 6000 km/s; not flagged: "
        f"{within(assessment, name, unflagged=True)} of {found['unflagged']['spectra']}; "
        f"flagged {counted(found['flagged'])}"
    )


def others_text(assessment: dict) -> str:
    """Return one line on spectra that are no quasars'."""
    found = assessment["estimators"][COMBINED]["others_unflagged"]
    parts = [f"{name} {counted(found[name])}" for name in ("sky", "galaxy", "star")]
    return f"spectra of no quasars with a redshift that is not flagged: {', '.join(parts)}"


def closing_lines(counts: dict, assessment: dict, where: list[str]) -> list[str]:
    """Return the last lines of a run, at most a dozen."""
    mark = " (SIMULATED spectra)" if counts["simulated"] else ""
    judged = assessment["judged"]
    reference = "truth" if assessment["reference"] == "truth" else "labels"
    return [
        f"redshifts{mark}: {counts['spectra']} spectra of {counts['objects']} objects, {counts['confident']} of "
        f"confident "
        f"quasars, {counts['flagged']} flagged",
        f"how good ({judged['quasar']} quasars judged by the {reference}):",
        *(f"  {accuracy_text(assessment, name)}" for name in in_order(assessment["estimators"])),
        f"  {others_text(assessment)}",
        *(f"look at: {path}" for path in where),
    ]


def summary(counts: dict, assessment: dict, where: list[str]) -> dict:
    """Return the summary, JSON-ready: `closing` (lines), the counts, and each estimator's main numbers."""
    return {
        "product": "redshifts",
        "run": counts["run"],
        "simulated": counts["simulated"],
        "found": {key: counts[key] for key in ("spectra", "objects", "confident", "confident_objects", "flagged")},
        "judged": assessment["judged"],
        "reference": assessment["reference"],
        "estimators": {
            name: {key: found[key] for key in ("quasars", "others_unflagged", "unflagged_failures")}
            for name, found in assessment["estimators"].items()
        },
        "closing": closing_lines(counts, assessment, where),
    }
