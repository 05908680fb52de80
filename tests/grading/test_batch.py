"""The batch, its sheet and its page, which is parsed as a browser would."""

import base64
import csv
import io
import json
from html.parser import HTMLParser

import numpy as np
import pytest
from grading.examples import FIRST, candidates, grading
from PIL import Image

from pipeline.errors import PipelineError
from pipeline.grading.batch import COLUMNS, make_batch, page, read_batch
from pipeline.grading.pictures import Cutout


def pictures(seed=0):
    generator = np.random.default_rng(seed)
    return {
        int(FIRST + i): Cutout(generator.normal(0, 0.05, (3, 50, 50)).astype(np.float32), 0.262) for i in range(6)
    }


class Page(HTMLParser):
    """Elements with their attributes, the text of scripts, and the tags that are still open."""

    VOID = {"meta", "img", "input", "link", "br"}

    def __init__(self, text):
        super().__init__()
        self.elements, self.open, self.scripts, self.text = [], [], [], ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] == "script":
            self.scripts.append(data)
        else:
            self.text += data

    def all(self, tag):
        return [attrs for name, attrs in self.elements if name == tag]


def test_objects_of_the_batch_in_an_order_that_hides_the_rank(batch):
    ids = [int(one["object_id"]) for one in batch.objects]
    assert sorted(ids) == list(range(FIRST, FIRST + 6))
    assert [one["stratum"] for one in batch.objects] == ["north"] * 2 + ["south"] * 4
    assert [one["position"] for one in batch.objects] == [1, 2, 3, 4, 5, 6]
    assert batch.content["strata"] == {"north": 2, "south": 4}
    south = [value for value in ids if value < FIRST + 4]
    orders = {
        tuple(one["object_id"] for one in make_batch(
            candidates(), run="demo", number=1, seed=seed, rule=grading().rule
        ).objects)
        for seed in range(8)
    }  # fmt: skip
    assert len(orders) > 4 and len(south) == 4


def test_digest_depends_on_what_is_graded(batch, settings):
    same = make_batch(candidates()[::-1], run="demo", number=1, seed=3, rule=settings.rule)
    assert same.digest == batch.digest and same.manifest_text() == batch.manifest_text()
    for changes in ({"run": "x"}, {"number": 2}, {"rule": grading({"kind": "stein", "refiner": "xh"}).rule}):
        other = make_batch(candidates(), **{"run": "demo", "number": 1, "seed": 3, "rule": settings.rule, **changes})
        assert other.digest != batch.digest


def test_the_manifest_is_read_back_and_an_altered_one_is_refused(batch):
    assert read_batch(batch.manifest_text(), "m") == batch
    for text in (batch.manifest_text().replace("010.0000", "010.0001"), "{}", "[]", "not json"):
        with pytest.raises(PipelineError, match="not the manifest"):
            read_batch(text, "m")


def test_nothing_to_grade_is_an_error(settings):
    table = candidates()
    table["in_batch"] = False
    with pytest.raises(PipelineError, match="no candidate"):
        make_batch(table, run="demo", number=1, seed=3, rule=settings.rule)


def test_the_empty_sheet(batch):
    rows = list(csv.DictReader(io.StringIO(batch.sheet_text())))
    assert tuple(rows[0]) == COLUMNS and len(rows) == 6
    assert {row["batch"] for row in rows} == {batch.digest}
    assert all(row["score"] == row["comment"] == "" for row in rows)


def test_the_page_holds_everything_and_needs_no_network(batch, settings):
    text = page(batch, pictures(), settings)
    assert "http:" not in text and "https:" not in text and "@import" not in text and "url(" not in text
    parsed = Page(text)
    assert parsed.open == []
    assert all(not attrs.get("src", "data:").replace("data:", "", 1).startswith("/") for _, attrs in parsed.elements)
    figures = parsed.all("figure")
    assert [one["data-id"] for one in figures] == [one["object_id"] for one in batch.objects]
    images = parsed.all("img")
    assert [one["class"] for one in images] == ["stretch0", "stretch1"] * 6
    data = json.loads(parsed.scripts[0])
    assert data["digest"] == batch.digest and data["objects"] == batch.objects and data["scale"] == ["1", "2", "3", "4"]
    assert tuple(data["columns"]) == COLUMNS
    for line in settings.criteria:
        assert line in parsed.text
    assert "SIMULATED" not in text and "@" not in parsed.text
    assert page(batch, pictures(), settings) == text


def test_pictures_are_the_cutouts_in_two_stretches(batch, settings):
    images = Page(page(batch, pictures(), settings)).all("img")
    decoded = [
        np.asarray(Image.open(io.BytesIO(base64.b64decode(one["src"].split(",")[1])))).astype(float) for one in images
    ]
    assert {image.shape for image in decoded} == {(40, 40, 3)}
    assert all(decoded[i + 1].std() > 1.2 * decoded[i].std() for i in range(0, 12, 2))


def test_a_simulated_batch_says_so(settings):
    batch = make_batch(candidates(simulated=True), run="demo", number=1, seed=3, rule=settings.rule)
    assert "SIMULATED" in Page(page(batch, pictures(), settings)).text


def test_text_from_outside_cannot_break_the_page(settings):
    table = candidates()
    table["stratum"] = ["</script><b>"] * 7
    batch = make_batch(table, run="</title><script>alert(1)</script>", number=1, seed=3, rule=settings.rule)
    parsed = Page(page(batch, pictures(), settings))
    assert len(parsed.all("script")) == 2 and not parsed.all("b")
    assert json.loads(parsed.scripts[0])["objects"][0]["stratum"] == "</script><b>"
