"""The entrance to a release: what each product found, and where its files lie."""

from pipeline.release import markup

TITLES = {"lenses": "Strong lens candidates"}
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
    )
}


def index(summaries: list[dict]) -> str:
    """Return the page. `summaries` are those of the products, with paths relative to the page known by product."""
    parts, links = [], []
    for one in summaries:
        product = one["product"]
        grades = ", ".join(f"{number} of grade {grade}" for grade, number in one["found"]["grades"].items())
        cards = markup.cards(
            [
                (f"{one['found']['candidates']:,}", f"candidates: {grades}"),
                (f"{one['found']['new']:,}", "in no list"),
                (f"{one['found']['objects']:,}", "objects searched"),
            ]
        )
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
