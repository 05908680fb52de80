"""The report of the redshifts: one page, numbers first."""

from pipeline.data.catalogue import column
from pipeline.data.redshift_bits import REDSHIFT_BITS
from pipeline.data.redshift_columns import registry
from pipeline.release import markup
from pipeline.release.redshift_experiments import Experiments
from pipeline.release.redshift_figures.names import COMBINED, in_order, title
from pipeline.release.redshift_summary import others_text, within
from pipeline.release.redshift_words import counted, percent

LIMITS = ("3000", "6000", "12000", "30000")
_WITHIN = {limit: f"within {int(limit):,} km/s" for limit in LIMITS}


class Report:
    """Everything that the page shows, as read from the products of the run.

    Parameters
    ----------
    counts, assessment : dict
    experiments : Experiments
    figures : mapping
        name -> PNG bytes.
    captions : mapping
        name -> text.
    columns : list of str
        Of the published table.
    header : mapping
        Provenance of the published table.
    """

    def __init__(self, counts, assessment, experiments: Experiments, figures, captions, columns, header):
        self.counts, self.assessment, self.experiments = counts, assessment, experiments
        self.figures, self.captions = figures, captions
        self.columns, self.header = columns, header
        self.estimators = {name: assessment["estimators"][name] for name in in_order(assessment["estimators"])}

    def figure(self, *names: str) -> str:
        """Return the figures of these names that this run has."""
        return "".join(
            markup.figure(name, self.figures[name], self.captions[name]) for name in names if name in self.figures
        )

    def html(self) -> str:
        """Return the page."""
        parts = [
            ("summary", "In short", self._summary()),
            ("accuracy", "How accurate", self._accuracy()),
            ("conditions", "Where it is accurate", self._conditions()),
            ("others", "Spectra of no quasars", self._others()),
            ("finder", "Where the line finder fails", self._finder()),
            ("wrong", "Wrong redshifts", self._wrong()),
            ("calibration", "Errors and probabilities", self._calibration()),
            ("experiments", "Experiments", self._experiments()),
            ("training", "Training", self.figure("network_training", "eigenspectra")),
            ("found", "What was found", self._found()),
            ("about", "The files", self._about()),
        ]
        parts = [part for part in parts if part[2]]
        judged = self.assessment["judged"]
        against = "the truth" if self.assessment["reference"] == "truth" else "the labels"
        subtitle = f"Judged on {judged['quasar']:,} quasars that chose nothing, against {against}."
        if self.counts["simulated"]:
            subtitle += " The spectra of this run are simulated: no object here is real."
        return markup.page(
            f"Quasar redshifts: {self.counts['run']}",
            "".join(markup.section(identity, name, body) for identity, name, body in parts),
            navigation=markup.links([part[:2] for part in parts]),
            simulated=self.counts["simulated"],
            subtitle=subtitle,
        )

    def _summary(self) -> str:
        counts, combined = self.counts, self.estimators[COMBINED]
        flagged, sky = combined["quasars"]["flagged"], combined["others_unflagged"]["sky"]
        trusted = combined["quasars"]["unflagged"]["within"]["6000"]
        entries = [
            (f"{counts['spectra']:,}", f"spectra of {counts['objects']:,} objects"),
            (f"{counts['confident']:,}", f"of confident quasars ({counts['confident_objects']:,} objects)"),
            (f"{counts['flagged']:,}", "flagged: no quasar, or a redshift not to be believed"),
            (_share(combined["quasars"]["within"]["6000"]), "of judged quasars within 6000 km/s (combined)"),
            (_share(trusted), "within 6000 km/s of those not flagged"),
            (_share(flagged), "of judged quasars are flagged"),
            (f"{sky['count']} of {sky['of']}", "judged skies have a redshift without a flag"),
        ]
        words = (
            f"Combined: {within(self.assessment, COMBINED)} within 6000 km/s; not flagged: "
            f"{within(self.assessment, COMBINED, unflagged=True)}. {combined['unflagged_failures']} wrong redshifts of "
            "quasars are not flagged."
        )
        text = others_text(self.assessment)
        return markup.cards(entries) + markup.paragraph(words) + markup.paragraph(f"{text[0].upper()}{text[1:]}.")

    def _accuracy(self) -> str:
        ours = markup.table(
            [self._row(name, found["quasars"]) for name, found in self.estimators.items()],
            {"name": "estimator", **_WITHIN, "flagged": "flagged"},
            caption=f"All {self.assessment['judged']['quasar']} judged quasars. Intervals "
            f"({self.assessment['confidence']:.0%}): bootstrap over objects, Wilson's where all or none are within.",
        )
        trusted = markup.table(
            [
                {
                    "name": title(name),
                    **_percents(found["quasars"]["unflagged"]),
                    "spectra": found["quasars"]["unflagged"]["spectra"],
                    "wrong": found["unflagged_failures"],
                }
                for name, found in self.estimators.items()
            ],
            {"name": "estimator", "spectra": "not flagged", **_WITHIN, "wrong": "wrong, not flagged"},
            caption="Those that are not flagged.",
        )
        rows = [
            {
                "method": row["method"],
                "sample": row["sample"],
                **{limit: f"{row['within'][limit]:.1f} %" for limit in LIMITS if limit in row["within"]},
                "mark": row["mark"],
                "source": row["source"],
            }
            for row in self.assessment["published"]
        ]
        theirs = markup.table(
            rows,
            {"method": "method", "sample": "sample", **_WITHIN, "mark": "", "source": "source"},
            caption="In the literature, on other samples: beside ours, not against them.",
        )
        return ours + trusted + theirs + self.figure("velocity_curve", "against_reference")

    def _row(self, name: str, found: dict) -> dict:
        return {"name": title(name), **_percents(found), "flagged": counted(found["flagged"])}

    def _conditions(self) -> str:
        tables = []
        for key, label in (("by_redshift", "redshift"), ("by_sn", "median S/N of a pixel")):
            rows = []
            for place, row in enumerate(self.estimators[COMBINED][key]):
                shares = {
                    name: percent(found[key][place]["within"]["6000"], 0) for name, found in self.estimators.items()
                }
                limits = f"{row['lower']:g} to {row['upper']:g}"
                rows.append({"bin": limits, "n": row["spectra"], **shares, "flagged": counted(row["flagged"])})
            columns = {"bin": label, "n": "quasars", **{name: title(name) for name in self.estimators}}
            caption = f"Within 6000 km/s by {label}; flagged: by the combination."
            tables.append(markup.table(rows, {**columns, "flagged": "flagged"}, caption=caption))
        rows = [
            {
                "class": kind,
                "n": row["spectra"],
                **{name: percent(one["by_class"][kind]["within"]["6000"], 0) for name, one in self.estimators.items()},
            }
            for kind, row in self.estimators[COMBINED]["by_class"].items()
        ]
        columns = {"class": "class", "n": "quasars", **{name: title(name) for name in self.estimators}}
        tables.append(markup.table(rows, columns, caption="Within 6000 km/s with and without broad absorption."))
        return "".join(tables) + self.figure("accuracy", "flagged")

    def _others(self) -> str:
        rows = [
            {"name": title(name), **{kind: counted(row) for kind, row in found["others_unflagged"].items()}}
            for name, found in self.estimators.items()
        ]
        columns = {"name": "estimator", "sky": "skies", "galaxy": "galaxies", "star": "stars"}
        caption = "Judged spectra of no quasars that get a redshift without a flag, with Wilson intervals."
        return markup.table(rows, columns, caption=caption)

    def _finder(self) -> str:
        tables = []
        for finder, found in sorted(self.assessment["failures_of_line_finders"].items()):
            rows = [
                {"name": title(name), **_percents(found["estimators"][name])} for name in in_order(found["estimators"])
            ]
            caption = f"The {found['quasars']} judged quasars in which {title(finder)} finds too few lines."
            tables.append(markup.table(rows, {"name": "estimator", **_WITHIN}, caption=caption))
        return "".join(tables) + self.figure("line_finder_fails", "failed_spectra") if tables else ""

    def _wrong(self) -> str:
        rows = []
        for name, found in self.estimators.items():
            confusion = found["line_confusion"]
            first = list(confusion["pairs"].items())[:6]
            rows.append(
                {
                    "name": title(name),
                    "wrong": confusion["wrong"],
                    "explained": confusion["explained"],
                    "chance": confusion["by_chance"],
                    "pairs": ", ".join(f"{pair} ({number})" for pair, number in first) or "–",
                    "extremes": found["extremes"]["count"],
                }
            )
        columns = {
            "name": "estimator",
            "wrong": "wrong",
            "explained": "explained by one line taken for another",
            "chance": "by chance",
            "pairs": "the most frequent",
            "extremes": "extreme",
        }
        confused = markup.table(rows, columns, caption="“MgII as Lya”: Mg II stands where Ly alpha would be at that z.")
        listed = [
            {
                **{key: row[key] for key in ("z_reference", "z", "z_second", "sn_median", "p_wrong")},
                "spectrum": str(row["spectrum_id"]),
                "dv": row["dv"],
                "flag": "flagged" if row["flagged"] else "NOT FLAGGED",
                "confusion": row["line_confusion"] or "–",
            }
            for row in self.estimators[COMBINED]["catastrophic"]
        ]
        columns = {
            "spectrum": "spectrum_id", "z_reference": "reference z", "z": "z", "z_second": "second z",
            "dv": "Δv (km/s)", "sn_median": "S/N", "p_wrong": "p(wrong)", "flag": "", "confusion": "line taken for "
            "another",
        }  # fmt: skip
        caption = "Wrong redshifts of the combination, those without a flag first, then the furthest off."
        worst = markup.table(listed, columns, caption=caption) if listed else ""
        return confused + self.figure("wrong_redshifts", "line_confusions") + worst + self.figure("outliers")

    def _calibration(self) -> str:
        rows = []
        for name, found in self.estimators.items():
            spread, pulls, failure = found["dv_of_right"], found["pulls"], found["failure_probability"]
            rows.append(
                {
                    "name": title(name),
                    "right": spread["spectra"],
                    "offset": spread["median"],
                    "width": spread["half_width"],
                    "one": counted(pulls["within_1"]),
                    "two": counted(pulls["within_2"]),
                    "pull": pulls["half_width"],
                    "brier": failure["brier"],
                    "constant": failure["brier_of_constant"],
                }
            )
        columns = {
            "name": "estimator", "right": "right", "offset": "median Δv (km/s)", "width": "half-width of Δv (km/s)",
            "one": "within 1 error", "two": "within 2 errors", "pull": "width of the pulls", "brier": "Brier score",
            "constant": "of a constant",
        }  # fmt: skip
        caption = (
            "Right redshifts: how far they are off, and how that compares with the stated errors (honest: 68.3 and "
            "95.4 %, width 1). Brier score of the probability of being wrong, over all judged spectra."
        )
        return markup.table(rows, columns, caption=caption) + self.figure("pulls", "failure_probability")

    def _experiments(self) -> str:
        return self.experiments.html() + self.figure(*self.experiments.FIGURES)

    def _found(self) -> str:
        tables = []
        for key, label in (("by_class", "class"), ("by_survey", "survey"), ("by_sample", "use in this run")):
            rows = [{**row, "value": row["value"] or "–"} for row in self.counts[key]]
            columns = {"value": label, "spectra": "spectra", "confident": "confident quasars"}
            tables.append(markup.table(rows, columns))
        bits = markup.table(
            self.counts["bits"],
            {"bit": "bit", "name": "name", "meaning": "meaning", "spectra": "spectra"},
            caption="Warnings in ZWARN of the combination.",
        )
        sky = self.counts["sky_fibres"]
        words = (
            f"{self.counts['without_redshift']} spectra have no redshift. Of {sky['spectra']} fibres that the "
            f"survey calls "
            f"sky, {sky['confident']} stand among the confident quasars."
        )
        return self.figure("redshifts") + "".join(tables) + markup.paragraph(words) + bits

    def _about(self) -> str:
        entries = [column(name, registry()) for name in self.columns]
        rows = [{"name": one.name, "unit": one.unit, "description": one.description} for one in entries]
        listing = markup.table(
            rows,
            {"name": "column", "unit": "unit", "description": "meaning"},
            caption="quasar_redshifts.fits, .ecsv, .vot and .parquet hold the same columns, all spectra a row each.",
        )
        flags = markup.table(
            [{"bit": one.bit, "name": one.name, "meaning": one.meaning} for one in REDSHIFT_BITS],
            {"bit": "bit", "name": "name", "meaning": "meaning"},
            caption="Bits of ZWARN and FLAGS.",
        )
        given = [{"key": key, "value": str(value)} for key, value in self.header.items()]
        provenance = markup.table(
            given, {"key": "keyword", "value": "value"}, caption="Provenance, as in the headers of the files."
        )
        files = (
            "Beside this page: quasar_redshifts.fits, .ecsv, .vot, .parquet; counts.json; summary.json; figures/. Rows "
            "with CONFIDENT are quasars whose redshift is to be believed."
        )
        return markup.paragraph(files) + provenance + listing + flags


def _share(row: dict | None) -> str:
    return "–" if row is None or row["share"] is None else f"{100 * row['share']:.1f} %"


def _percents(found: dict) -> dict[str, str]:
    return {limit: percent(found["within"][limit]) for limit in LIMITS}
