"""Overlap of the sources of candidates."""

from pipeline.release.figures import galleries

COUNTS = {
    "sources": {
        "probe": {"candidates": 30, "new": 20, "alone": 10},
        "search:lens_1": {"candidates": 12, "new": 9, "alone": 4},
    },
    "shared": {"probe": {"search:lens_1": 8}, "search:lens_1": {"probe": 8}},
    "union": 34,
}


def test_the_overlap_shows_what_each_source_gave_and_what_two_share():
    figure, caption = galleries.overlap(COUNTS)
    shown = {tuple(text.get_position()): text.get_text() for text in figure.axes[0].texts}
    assert shown == {(0, 0): "30", (1, 1): "12", (0, 1): "8", (1, 0): "8"}
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["probe", "search lens_1"]
    assert "34 systems" in caption
