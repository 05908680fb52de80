"""Names and colours of the estimators: the same in every figure."""

from pipeline.release.figures.style import PALETTE

COMBINED = "combined"
TITLES = {"fnet": "FNet", "rnet": "RNet", "quasarnet": "QuasarNET", "pca": "PCA", COMBINED: "combined"}
# Okabe and Ito's colours; black is the combination's, grey the truth's.
COLOURS = {COMBINED: "#000000", "pca": "#009E73", "quasarnet": "#D55E00", "fnet": "#0072B2", "rnet": "#CC79A7"}
MARKERS = {COMBINED: "o", "pca": "s", "quasarnet": "^", "fnet": "D", "rnet": "v"}
TRUTH = "#5A5A5A"
DOUBTED = "#A8006D"  # the lines at a redshift that is wrong
_OTHERS = [tone for tone in PALETTE if tone not in COLOURS.values() and tone != "#7F7F7F"]


def title(name: str) -> str:
    """Return how an estimator is written."""
    return TITLES.get(name, name)


def in_order(names) -> list[str]:
    """Return names of estimators in the order of the figures: the combination, then by name."""
    return sorted(names, key=lambda name: (name != COMBINED, name))


def colours(names) -> dict[str, str]:
    """Return a colour for each estimator."""
    others = [name for name in in_order(names) if name not in COLOURS]
    return {name: COLOURS.get(name) or _OTHERS[others.index(name) % len(_OTHERS)] for name in in_order(names)}


def marker(name: str) -> str:
    """Return the marker of an estimator."""
    return MARKERS.get(name, "P")
