"""A batch for grading: which objects, in which order, and the page and the empty sheet that show them."""

import base64
import csv
import hashlib
import html
import io
import json
import re
from dataclasses import dataclass
from functools import cached_property
from importlib import resources

import numpy as np
from astropy.table import Table

from pipeline.data import random
from pipeline.data.flags import bit
from pipeline.errors import PipelineError
from pipeline.grading.pictures import Cutout, jpeg, picture

COLUMNS = ("position", "object_id", "name", "ra", "dec", "stratum", "score", "comment", "batch")
SCALE_BAR_ARCSEC = 5.0


@dataclass(frozen=True)
class Batch:
    """What is graded.

    Attributes
    ----------
    content : dict
        JSON-ready: `run`, `round`, `rule`, `scale` (scores, worst first), `seed`, `simulated`, `strata` {name: n} and
        `objects` [{position, object_id (text), name, ra, dec, stratum}].
    """

    content: dict

    @cached_property
    def digest(self) -> str:
        """Name of the batch: a hash of what a grade refers to. The look of the page is not part of it."""
        text = json.dumps(self.content, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def objects(self) -> list[dict]:
        """The objects, in the order of the page."""
        return self.content["objects"]

    def manifest_text(self) -> str:
        """Return the batch as JSON, with its digest."""
        return json.dumps({**self.content, "digest": self.digest}, indent=1, sort_keys=True) + "\n"

    def sheet_text(self, scores: dict[str, str] | None = None, comment: str = "") -> str:
        """Return a sheet as CSV: empty, or with a score for each object_id (text)."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(COLUMNS)
        for one in self.objects:
            place = (one[key] for key in COLUMNS[:6])
            writer.writerow([*place, (scores or {}).get(one["object_id"], ""), comment, self.digest])
        return text.getvalue()


def read_batch(text: str, where) -> Batch:
    """Return the batch of a manifest's text.

    Raises
    ------
    PipelineError
        The text is no manifest of a batch, or its digest is not that of its content.
    """
    try:
        content = json.loads(text)
        digest = content.pop("digest")
        batch = Batch(content)
        whole = batch.digest == digest and all(key in content for key in ("objects", "scale", "rule"))
    except (ValueError, KeyError, TypeError, AttributeError):
        whole = False
    if not whole:
        raise PipelineError("not the manifest of a grading batch, or altered", where=where, next="run snakemake again")
    return batch


def make_batch(candidates: Table, *, run: str, number: int, seed: int, rule) -> Batch:
    """Choose the candidates marked `in_batch`: stratum by stratum, in a random order that hides their rank.

    Parameters
    ----------
    candidates : Table
        object_id, name, ra, dec, stratum, flags, in_batch.
    run : str
    number : int
        Number of the round.
    seed : int
    rule : settings.grading.HuangRule or SteinRule

    Raises
    ------
    PipelineError
        No candidate is to be graded.
    """
    chosen = candidates[np.asarray(candidates["in_batch"], dtype=bool)].to_pandas()
    if not len(chosen):
        raise PipelineError(
            "no candidate is to be graded", next="widen rank.strata (regions, magnitudes), or look at rank.leave_out"
        )
    chosen["stratum"] = chosen["stratum"].astype(str)
    shuffled = chosen.iloc[random.order(seed, "grading_batch", 0, chosen["object_id"].to_numpy())]
    shuffled = shuffled.sort_values("stratum", kind="stable", ignore_index=True)
    return Batch(
        {
            "run": run,
            "round": number,
            "rule": rule.kind,
            "scale": rule.scale,
            "seed": seed,
            "simulated": bool((shuffled["flags"] & bit("SIMULATED")).any()),
            "strata": {name: int(n) for name, n in shuffled["stratum"].value_counts(sort=False).items()},
            "objects": [_entry(position, row) for position, row in enumerate(shuffled.to_dict("records"), start=1)],
        }
    )


def _entry(position: int, row: dict) -> dict:
    return {
        "position": position,
        "object_id": str(row["object_id"]),
        "name": str(row["name"]),
        "ra": round(float(row["ra"]), 6),
        "dec": round(float(row["dec"]), 6),
        "stratum": row["stratum"],
    }


def page(batch: Batch, cutouts: dict[int, Cutout], settings) -> str:
    """Return the page on which the batch is graded: one file that needs no network.

    Parameters
    ----------
    batch : Batch
    cutouts : dict of Cutout by object_id
    settings : settings.grading.Grading
    """
    template = resources.files("pipeline.grading").joinpath("template.html").read_text(encoding="utf-8")
    figures = [_figure(one, cutouts[int(one["object_id"])], settings.mosaic) for one in batch.objects]
    data = {
        "digest": batch.digest,
        "run": batch.content["run"],
        "scale": batch.content["scale"],
        "columns": COLUMNS,
        "objects": batch.objects,
    }
    strata = "".join(
        f'<option value="{html.escape(name)}">{html.escape(name)} ({count})</option>'
        for name, count in batch.content["strata"].items()
    )
    values = {
        "TITLE": html.escape(f"Lens candidates: {batch.content['run']}, round {batch.content['round']}"),
        "MARK": '<strong class="simulated">SIMULATED</strong>' if batch.content["simulated"] else "",
        "DIGEST": batch.digest,
        "COLUMNS": str(settings.mosaic.columns),
        "CRITERIA": "".join(f"<li>{html.escape(line)}</li>" for line in settings.criteria),
        "MEANING": html.escape(MEANINGS[batch.content["rule"]]),
        "STRATA": strata,
        "FIGURES": "\n".join(figures),
        # "</" would end the script element that holds the data.
        "DATA": json.dumps(data).replace("</", "<\\/"),
    }
    return re.sub("@([A-Z]+)@", lambda found: values[found[1]], template)


MEANINGS = {
    "huang": "4: surely a lens. 3: very likely. 2: suggestive, but faint, small or open to other readings. 1: no lens.",
    "stein": "A: distinct arcs or clear multiple images. B: likely, but fainter or more ambiguous. N: no lens.",
}


def _figure(one: dict, cutout: Cutout, mosaic) -> str:
    name = html.escape(one["name"])
    images = []
    for number, gain in enumerate(mosaic.gains):
        pixels = picture(cutout.image, gain, mosaic.pixels)
        coded = base64.b64encode(jpeg(pixels, mosaic.jpeg_quality)).decode()
        images.append(
            f'<img class="stretch{number}" alt="{name}, flux times {gain:g}" src="data:image/jpeg;base64,{coded}">'
        )
    share = 100 * SCALE_BAR_ARCSEC / (pixels.shape[1] * cutout.pixel_scale)
    return (
        f'<figure tabindex="-1" data-id="{one["object_id"]}" data-stratum="{html.escape(one["stratum"])}">'
        f'<div class="image">{"".join(images)}<span class="bar" style="width:{share:.2f}%"></span></div>'
        f'<figcaption><span class="position">{one["position"]}</span> {name}<span class="score"></span></figcaption>'
        "</figure>"
    )
