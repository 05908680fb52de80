"""Pieces of the pages: escaped, and the same for the same input."""

import base64

from pipeline.release import markup


def test_everything_is_escaped():
    evil = '<script>alert("x")</script>&'
    for piece in (
        markup.table([{"a": evil}], {"a": evil}, caption=evil),
        markup.figure("a", b"png", evil),
        markup.paragraph(evil),
        markup.cards([(evil, evil)]),
        markup.section("a", evil),
        markup.page(evil, "", navigation="", simulated=False, subtitle=evil),
    ):
        assert "<script>alert" not in piece and "&lt;script&gt;" in piece


def test_cells_show_numbers_with_few_digits_and_dashes_for_nothing():
    assert [markup.text(value) for value in (None, float("nan"), True, 1234, 12345.6, 0.123456, "x")] == [
        "–", "–", "yes", "1,234", "12,346", "0.123", "x",
    ]  # fmt: skip
    page = markup.table([{"a": "all", "n": 3}, {"a": "b", "n": None}], {"a": "A", "n": "N"})
    assert '<tr class="total"><td>all</td><td class=number>3</td></tr>' in page
    assert "<th class=number>N</th>" in page and "<th>A</th>" in page


def test_a_figure_holds_its_pixels():
    assert base64.b64encode(b"pixels").decode() in markup.figure("roc", b"pixels", "words")


def test_marks_in_texts_are_not_replaced():
    page = markup.page("@BODY@ title", "<p>body @MARK@</p>", navigation="", simulated=True, subtitle="")
    assert "@BODY@ title" in page and "<p>body @MARK@</p>" in page and "SIMULATED" in page
