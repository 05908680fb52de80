"""The report of a lens release: one page, in the order in which a reader asks."""

from collections.abc import Mapping

from pipeline.data.catalogue import column
from pipeline.data.flags import FLAGS
from pipeline.release import markup
from pipeline.release.summary import best_model, difference_text, enrichment_text, recovery_text, survey_text
from pipeline.release.words import in_order, interval

CLASS_COLUMNS = {
    "value": "",
    "objects": "searched",
    "inspected": "inspected",
    "A": "A",
    "B": "B",
    "C": "C",
    "candidates": "A to C",
    "known": "of these known",
    "purity_text": "purity (A to C / inspected)",
    "per_lens": "objects per candidate",
}
MISSED_SHOWN = 200


class Report:
    """Everything that the page shows, as read from the products of the run.

    Parameters
    ----------
    counts, audit : dict
    models : dict
        name -> assessment.
    differences, survey, leaks : dict or None
    figures : mapping
        name -> PNG bytes.
    captions : mapping
        name -> text.
    columns : list of str
        Of the published table.
    header : mapping
        Provenance of the published table.
    """

    def __init__(self, counts, audit, models, differences, survey, leaks, figures, captions, columns, header):
        self.counts, self.audit, self.models = counts, audit, models
        self.differences, self.survey, self.leaks = differences, survey, leaks
        self.figures, self.captions = figures, captions
        self.columns, self.header = columns, header
        self.judged = next(iter(models.values()))["judged"]

    def figure(self, *names: str) -> str:
        """Return the figures of these names that this run has."""
        return "".join(
            markup.figure(name, self.figures[name], self.captions[name]) for name in names if name in self.figures
        )

    def html(self) -> str:
        """Return the page."""
        parts = [
            ("summary", "In short", self._summary()),
            ("counts", "What was found", self._counts()),
            ("candidates", "Candidates", self._galleries()),
            ("searches", "Searches", self.figure("searches", "overlap")),
            ("known", "Known lenses", self._known()),
            ("truth", "Against the truth", self._truth()),
            ("models", "The models", self._models()),
            ("comparison", "Is one better?", self._comparison()),
            ("training", "Training", self.figure("training_ratios", "training")),
            ("survey", "Is the survey fair?", self._survey()),
            ("about", "The files", self._about()),
        ]
        parts = [part for part in parts if part[2]]
        judged = self.judged
        subtitle = f"Judged on {judged['lenses']} lenses and {judged['others']} others: {judged['share_text']}."
        if judged["label"]:
            subtitle += f" {judged['label']}."
        if self.counts["simulated"]:
            subtitle += " Sky, lenses or grades of this run are simulated: no object here is real."
        return markup.page(
            f"Strong lens candidates: {self.counts['run']}",
            "".join(markup.section(identity, title, body) for identity, title, body in parts),
            navigation=markup.links([part[:2] for part in parts]),
            simulated=self.counts["simulated"],
            subtitle=subtitle,
        )

    def _summary(self) -> str:
        counts, best = self.counts, best_model(self.models)
        found = self.models[best]
        entries = [
            (f"{counts['candidates']:,}", "candidates of grade A to C"),
            (f"{counts['grades']['A']:,}", "of grade A"),
            (f"{counts['new']:,}", "in no list of known lenses"),
            (f"{counts['inspected']:,}", f"of {counts['objects']:,} objects inspected"),
            (f"{found['average_precision']['value']:.2f}", f"average precision of {best}"),
            (self.judged["share_text"].replace(" objects", ""), "judged objects"),
        ]
        lines = [*enrichment_text(self.audit), *(recovery_text(row) for row in found["recovery"])]
        if self.survey is not None:
            lines.append(survey_text(self.survey))
        return markup.cards(entries) + "".join(markup.paragraph(line[0].upper() + line[1:] + ".") for line in lines)

    def _counts(self) -> str:
        tables = []
        for name, title in (
            ("region", "Region"),
            ("type", "Type"),
            ("magnitude", "Magnitude"),
            ("depth", "Passes in z"),
        ):
            rows = [{**row, "purity_text": _rate(row["purity"])} for row in self.counts["by"][name]]
            tables.append(markup.table(rows, {**CLASS_COLUMNS, "value": title}))
        note = (
            "Purity is the share of what people inspected that they graded A to C; intervals are Wilson's. Theirs: "
            "Huang et al. 2021 find 1 candidate in 31 recommendations among DEV and COMP of DECaLS, 1 in 57 in the "
            "north, 1 in 42 among REX."
        )
        new = markup.table(
            self.counts["new_by_grade"],
            {"grade": "grade", "region": "region", "magnitude": "magnitude", "new": "new candidates"},
            caption="Candidates that stand in no list, by grade, region and magnitude.",
        )
        scores = markup.table(
            self.counts["by_score"],
            {"from": "mean score from", "below": "below", "candidates": "candidates", "known": "known", "new": "new"},
            caption="By mean score of the graders.",
        )
        sources = markup.table(
            self.counts["by_source"],
            {
                "source": "put forward by",
                "inspected": "inspected",
                "A": "A",
                "B": "B",
                "C": "C",
                "alone": "by it alone",
            },
            caption="By model and search; a candidate may have several.",
        )
        scores = scores if self.counts["by_score"] else ""
        return (
            new
            + self.figure("sky")
            + "".join(tables)
            + markup.paragraph(note)
            + self.figure("depth")
            + scores
            + (sources + self.figure("distributions"))
        )

    def _galleries(self) -> str:
        return self.figure("gallery_a", "gallery_b", "gallery_c")

    def _known(self) -> str:
        rows = self.audit["known"]["rows"]
        missed = [row for row in rows if row["fate"] not in ("graded A", "graded B", "graded C")]
        columns = {
            "known_name": "known lens",
            "lists": "lists",
            "ra": "RA",
            "dec": "Dec",
            "visibility": "features",
            "fate": "what became of it",
            "detail": "",
            "training": "trained the models",
        }
        shown = [{**row, "ra": f"{row['ra']:.4f}", "dec": f"{row['dec']:+.4f}"} for row in missed[:MISSED_SHOWN]]
        caption = f"{len(missed)} known systems that are not among the graded candidates"
        caption += f", the first {MISSED_SHOWN}." if len(missed) > MISSED_SHOWN else "."
        return self.figure("known") + markup.table(shown, columns, caption=caption)

    def _truth(self) -> str:
        if "unlisted" not in self.audit:
            return ""
        rows = [
            {
                "of": row["of"],
                "k": row["k"],
                "n": row["n"],
                "share": _rate(row),
                "ratio": None
                if row["ratio"] is None
                else f"{row['ratio']:.1f} ({row['ratio_low']:.1f} to {row['ratio_high']:.1f})",
                "completeness": _rate(row["completeness"]),
            }
            for row in self.audit["unlisted"]["rows"]
        ]
        enriched = markup.table(
            rows,
            {
                "of": "among new",
                "k": "planted, unlisted lenses",
                "n": "of",
                "share": "share",
                "ratio": "times their share in the catalogue",
                "completeness": "of all planted, unlisted lenses",
            },
            caption=f"{self.audit['unlisted']['planted']} catalogued lenses with visible features stand in no list.",
        )
        purity = [
            {
                "grade": row["grade"],
                "n": row["n"],
                "true": _rate(row),
                "faint": row["faint"],
                "others": ", ".join(f"{number} {kind}" for kind, number in row["others"].items()) or "–",
            }
            for row in self.audit["purity"]
        ]
        graded = markup.table(
            purity,
            {
                "grade": "grade",
                "n": "systems",
                "true": "are lenses",
                "faint": "too faint to see",
                "others": "the others are",
            },
            caption="What the graded systems are in truth, known ones included.",
        )
        return enriched + graded

    def _models(self) -> str:
        rows = []
        for name, found in self.models.items():
            row = {"name": name, "ap": interval(found["average_precision"]), "auc": interval(found["auc"])}
            for one in found["recovery"]:
                row[f"r{one['false_positive_rate']:g}"] = (
                    f"{interval(one, 2)}" if one["measurable"] else f"not measurable (n = {one['others']})"
                )
            for one in found["top"]:
                row[f"t{one['first']}"] = _rate(one)
            rows.append(row)
        first = next(iter(self.models.values()))
        columns = {"name": "model", "ap": "average precision", "auc": "AUC"}
        columns |= {
            f"r{one['false_positive_rate']:g}": f"recovery at FPR {one['false_positive_rate']:g}"
            for one in first["recovery"]
        }
        columns |= {f"t{one['first']}": f"precision in the first {one['first']}" for one in first["top"]}
        judged = self.judged
        aside = "; ".join(f"{number} {reason}" for reason, number in judged["excluded"].items() if number)
        note = (
            f"Judged: {judged['objects']:,} objects of the judged sky, {judged['lenses']} of them lenses (n of every "
            f"recovery). Target: {judged['target']}. Left out: {aside or 'nothing'}. A false-positive rate that stands "
            f"for fewer than {first['minimum_false_positives']} false positives is not measurable."
        )
        names = ("precision_recall", "roc", "inspected", "scores", "completeness", "reliability")
        return markup.table(rows, columns) + markup.paragraph(note) + self.figure(*names)

    def _comparison(self) -> str:
        if self.differences is None:
            return ""
        lines = []
        for key, title in (("all", "All judged objects"), ("matched", "Objects that look alike in the catalogue")):
            part = self.differences[key]
            if "pairs" not in part:
                lines.append(f"{title}: not measurable, {part['not_measurable']}.")
                continue
            measures = in_order(part["pairs"][0])
            texts = [difference_text(pair, name, part["confidence"]) for pair in part["pairs"] for name in measures]
            lines.append(f"{title} ({part['lenses']} lenses, {part['others']} others): " + "; ".join(texts) + ".")
        balance = ""
        if "balance" in self.differences["matched"]:
            balance = markup.table(
                self.differences["matched"]["balance"],
                {"name": "property", "before": "before matching", "after": "after matching"},
                caption="Mean of the lenses less that of the others, in standard deviations of the lenses.",
            )
        return self.figure("comparison") + "".join(markup.paragraph(line) for line in lines) + balance

    def _survey(self) -> str:
        if self.survey is None:
            return ""
        return markup.paragraph(survey_text(self.survey)[0].upper() + survey_text(self.survey)[1:] + ".") + self.figure(
            "survey"
        )

    def _about(self) -> str:
        entries = [column(name) for name in self.columns]
        rows = [{"name": one.name, "unit": one.unit or "", "description": one.description} for one in entries]
        listing = markup.table(
            rows,
            {"name": "column", "unit": "unit", "description": "meaning"},
            caption="lens_candidates.fits, .ecsv, .vot and .parquet hold the same columns.",
        )
        flags = markup.table(
            [{"bit": flag.bit, "name": flag.name, "meaning": flag.meaning} for flag in FLAGS],
            {"bit": "bit", "name": "name", "meaning": "meaning"},
            caption="Bits of FLAGS.",
        )
        given = [{"key": key, "value": str(value)} for key, value in self.header.items()]
        provenance = markup.table(
            given, {"key": "keyword", "value": "value"}, caption="Provenance, as in the headers of the files."
        )
        leaks = ""
        if self.leaks is not None:
            state = "passed" if self.leaks.get("ok") else "FAILED"
            leaks = markup.paragraph(f"Leak audit: {state} ({self.leaks.get('label', '')}).")
        files = (
            "Beside this page: lens_candidates.fits, .ecsv, .vot, .parquet; lens_candidates.reg (DS9); footprint.fits "
            "(MOC of the searched area); counts.json; summary.json; figures/."
        )
        return markup.paragraph(files) + leaks + provenance + listing + flags


def _rate(row: Mapping) -> str:
    """Return "12/40 = 30 % (18 to 45)" for a share with its interval."""
    if row["value"] is None:
        return "–"
    value, low, high = (100 * row[key] for key in ("value", "low", "high"))
    digits = 0 if value >= 10 else 1
    return f"{row['k']}/{row['n']} = {value:.{digits}f} % ({low:.{digits}f} to {high:.{digits}f})"
