"""The table of a training."""

from pipeline.learn.curves import history_text


def test_rows_in_the_order_of_the_columns():
    rows = [{"loss": 1 / 3, "epoch": 0}, {"epoch": 1, "loss": 2.0}]
    assert history_text(("epoch", "loss"), rows) == "epoch,loss\n0,0.333333333\n1,2\n"
    assert history_text(("epoch", "loss"), []) == "epoch,loss\n"
