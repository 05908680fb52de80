"""The entrance to a release: what each product found, and where its files lie."""

from pipeline.release import markup

TITLES = {"lenses": "Strong lens candidates", "redshifts": "Quasar redshifts"}
FILES = {
    "lenses": (
        ("lenses/report.html", "report"),
        ("lenses/lens_candidates.fits", "catalogue, FITS"),
        ("lenses/lens_candidates.ecsv", "catalogue, ECSV"),
        ("lenses/lens_candidates.vot", "catalogue, VOTable"),
        ("lenses/lens_candidates.parquet", "catalogue, Parquet"),
        ("lenses/lens_candidates.reg", "regions for DS9"),
        ("lenses/footprint.fits", "searched area, MOC"),
        ("lenses/counts.json", "counts, JSON"),
        ("lenses/summary.json", "summary, JSON"),
    ),
    "redshifts": (
        ("redshifts/report.html", "report"),
        ("redshifts/quasar_redshifts.fits", "catalogue, FITS"),
        ("redshifts/quasar_redshifts.ecsv", "catalogue, ECSV"),
        ("redshifts/quasar_redshifts.vot", "catalogue, VOTable"),
        ("redshifts/quasar_redshifts.parquet", "catalogue, Parquet"),
        ("redshifts/counts.json", "counts, JSON"),
        ("redshifts/summary.json", "summary, JSON"),
    ),
}


def _lenses(found: dict) -> list[tuple[str, str]]:
    grades = ", ".join(f"{number} of grade {grade}" for grade, number in found["grades"].items())
    return [
        (f"{found['candidates']:,}", f"candidates: {grades}"),
        (f"{found['new']:,}", "in no list"),
        (f"{found['objects']:,}", "objects searched"),
    ]


def _redshifts(found: dict) -> list[tuple[str, str]]:
    return [
        (f"{found['confident']:,}", f"spectra of confident quasars ({found['confident_objects']:,} objects)"),
        (f"{found['flagged']:,}", "flagged"),
        (f"{found['spectra']:,}", "spectra"),
    ]


CARDS = {"lenses": _lenses, "redshifts": _redshifts}


def index(summaries: list[dict]) -> str:
    """Return the page. `summaries` are those of the products, with paths relative to the page known by product."""
    parts, links = [], []
    for one in summaries:
        product = one["product"]
        cards = markup.cards(CARDS[product](one["found"]))
        files = "".join(f'<li><a href="{path}">{name}</a></li>' for path, name in FILES[product])
        lines = "".join(markup.paragraph(line) for line in one["closing"] if not line.startswith("look at:"))
        parts.append(markup.section(product, TITLES[product], cards, f'<ul class="files">{files}</ul>', lines))
        links.append((product, TITLES[product]))
    return markup.page(
        f"Release of the run {summaries[0]['run']}",
        "".join(parts),
        navigation=markup.links(links),
        simulated=any(one["simulated"] for one in summaries),
        subtitle="What was found, how good it is, and where the files lie.",
    )
