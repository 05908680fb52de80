"""Figures of the literature that stand beside ours."""

from importlib import resources

import yaml

MARK = "published, other sample"


def published() -> list[dict]:
    """Return rows `method`, `sample`, `within` (km/s as text -> %), `source`, each marked as of another sample."""
    text = resources.files("pipeline.assess").joinpath("published.yaml").read_text(encoding="utf-8")
    return [{**row, "mark": MARK} for row in yaml.safe_load(text)]
