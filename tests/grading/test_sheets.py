"""Sheets: what is accepted, and every fault with its row."""

from pathlib import Path

import pytest
from grading.examples import FIRST, candidates, grading

from pipeline.errors import PipelineError
from pipeline.grading.batch import make_batch
from pipeline.grading.sheets import grading_message, read_sheet, read_sheets, score_counts


def scored(batch, scores, comment=""):
    ids = [one["object_id"] for one in batch.objects]
    return batch.sheet_text(dict(zip(ids, scores, strict=True)), comment)


def read(texts, settings, batch):
    return read_sheets(texts, settings, batch, {name: f"{name}.csv" for name in texts})


def test_good_sheets_are_read(settings, batch):
    sheets = read({"xh": scored(batch, "123412"), "ad": scored(batch, "443211", "arc")}, settings, batch)
    assert sheets["xh"]["score"].tolist() == list("123412")
    assert set(sheets["ad"]["comment"]) == {"arc"}
    assert sheets["xh"]["object_id"].tolist() == [one["object_id"] for one in batch.objects]
    assert score_counts(sheets["xh"], batch.content["scale"]) == {"1": 2, "2": 2, "3": 1, "4": 1}


def test_what_spreadsheets_do_to_a_sheet_is_accepted(settings, batch):
    """A byte order mark, CRLF, 3.0 for 3, spaces, other order of columns and rows, empty lines at the end."""
    lines = [f"{one['object_id']}, 3.0 ,{batch.digest},\"a, b\"" for one in reversed(batch.objects)]
    text = "\ufeff" + "\r\n".join(["object_id,score,batch,comment", *lines, ",,,", "", ""])
    rows, faults = read_sheet(text, settings.grader("xh"), batch, set())
    assert faults == [] and set(rows["score"]) == {"3"} and set(rows["comment"]) == {"a, b"}


def test_all_faults_of_all_sheets_are_listed_at_once(settings, batch):
    one = scored(batch, ["1", "5", "", "2", "x", "3"]).splitlines()
    two = scored(batch, "111111").splitlines()
    two[1] = two[1].replace(batch.objects[0]["object_id"], "99")
    two[2] = two[2].replace(batch.digest, "0123456789abcdef")
    two[4] = two[3]
    with pytest.raises(PipelineError) as raised:
        read({"xh": "\n".join(one), "ad": "\n".join(two)}, settings, batch)
    text = str(raised.value)
    ids = [value["object_id"] for value in batch.objects]
    for part in (
        "xh.csv: row 3: score '5' is not one of 1, 2, 3, 4",
        "xh.csv: row 4: no score",
        "xh.csv: row 6: score 'x' is not one of",
        f"ad.csv: row 2: object_id 99 is not in the batch (position 1 is {ids[0]}",
        f"ad.csv: row 3: belongs to batch 0123456789abcdef, not to {batch.digest}",
        f"ad.csv: row 5: object_id {ids[2]} stands in row 4 already",
        f"ad.csv: no row for object_id {ids[0]} (position 1)",
        f"ad.csv: no row for object_id {ids[3]} (position 4)",
    ):
        assert part in text, part
    assert text.startswith("8 fault(s)")


def test_an_untouched_template_and_an_empty_file_are_refused(settings, batch):
    with pytest.raises(PipelineError, match="6 fault"):
        read({"xh": batch.sheet_text()}, settings, batch)
    for text in ("", "object_id;score;comment;batch\n1;2;3;4\n"):
        with pytest.raises(PipelineError, match=r"lacks the column\(s\)"):
            read({"xh": text}, settings, batch)


def test_many_faults_are_counted_not_all_listed(settings):
    table = candidates()
    batch = make_batch(table, run="demo", number=1, seed=3, rule=settings.rule)
    text = "object_id,score,comment,batch\n" + "".join(f"{i},1,,{batch.digest}\n" for i in range(100))
    with pytest.raises(PipelineError, match=r"106 fault(.|\n)*and 66 more"):
        read({"xh": text}, settings, batch)


def test_strangers_and_simulated_sheets_of_people_are_refused(settings, batch):
    with pytest.raises(PipelineError, match="no grader"):
        read({"zz": scored(batch, "111111")}, settings, batch)
    with pytest.raises(PipelineError, match="marked SIMULATED, but xh is a person"):
        read({"xh": scored(batch, "111111", "SIMULATED")}, settings, batch)


def test_steins_refiner_scores_only_what_was_put_forward():
    people = [{"kind": "people", "name": name} for name in ("gs", "jb")]
    settings = grading({"kind": "stein", "refiner": "gs"}, people)
    batch = make_batch(candidates(), run="demo", number=1, seed=3, rule=settings.rule)
    tentative = scored(batch, ["a", "B", "N", "N", "N", "N"])
    sheets = read({"gs": scored(batch, ["A", "N", "", "", "", ""]), "jb": tentative}, settings, batch)
    assert sheets["jb"]["score"].tolist()[:3] == ["A", "B", "N"] and list(sheets) == ["gs", "jb"]
    with pytest.raises(PipelineError, match=r"1 fault(.|\n)*row 3: no score"):
        read({"gs": scored(batch, ["A", "", "", "", "", ""]), "jb": tentative}, settings, batch)
    with pytest.raises(PipelineError, match="jb.csv: row 2: no score"):
        read({"gs": scored(batch, "NNNNNN"), "jb": scored(batch, [""] + ["N"] * 5)}, settings, batch)


def test_the_message_says_where_and_what_to_type():
    text = grading_message(
        Path("results/r/batch.html"), Path("results/r/batch.csv"), [Path("grades/r/round-1/xh.csv")], "snakemake"
    )
    assert "results/r/batch.html" in text and "grades/r/round-1/xh.csv" in text and text.endswith("Then: snakemake")


def test_ids_beyond_the_mantissa_stay_exact(batch, settings):
    sheets = read({"xh": scored(batch, "111111")}, settings, batch)
    assert {int(value) for value in sheets["xh"]["object_id"]} == set(range(FIRST, FIRST + 6))
