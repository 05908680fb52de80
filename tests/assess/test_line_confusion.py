"""Names of confused lines, on redshifts that confuse known ones."""

import numpy as np
import pytest

from pipeline.assess.line_confusion import LINES, name, table

LOW, HIGH = 3600.0, 10300.0


def confused(true, taken, z):
    return LINES[true] * (1 + z) / LINES[taken] - 1


@pytest.mark.parametrize(("true", "taken"), [("MgII", "Lya"), ("CIII]", "CIV"), ("Halpha", "MgII"), ("CIV", "Lya")])
def test_a_confusion_has_its_name(true, taken):
    z_true = np.linspace(LOW, HIGH, 7)[1:-1] / LINES[true] - 1
    z_true = z_true[z_true > 0]
    z = confused(true, taken, z_true) + 1e-4
    found = name(z, z_true, 500.0, np.full(len(z), LOW), np.full(len(z), HIGH))
    assert len(found) and (found == f"{true} as {taken}").all()


def test_a_line_that_is_not_in_the_spectrum_was_not_taken():
    z = np.array([0.5])  # Ly alpha stands at 1823 Å
    wrong = confused("Lya", "CIV", z)
    assert name(wrong, z, 500.0, np.array([LOW]), np.array([HIGH])).tolist() == [""]
    assert name(wrong, z, 500.0, np.array([1500.0]), np.array([HIGH])).tolist() == ["Lya as CIV"]


def test_missing_redshifts_and_empty_tables():
    assert name(np.array([np.nan]), np.array([2.0]), 3000.0, np.array([LOW]), np.array([HIGH])).tolist() == [""]
    assert table(np.zeros(0), np.zeros(0), 3000.0, np.zeros(0), np.zeros(0))["wrong"] == 0


def test_the_table_tells_confusion_from_chance():
    rng = np.random.default_rng(1)
    z_true = rng.uniform(1.9, 3.5, 400)
    random = rng.uniform(0, 6, 400)
    ends = np.full(400, LOW), np.full(400, HIGH)
    found = table(random, z_true, 1000.0, *ends)
    assert found["explained"] == pytest.approx(found["by_chance"], rel=0.35)
    mixed = np.where(np.arange(400) < 200, confused("CIV", "Lya", z_true), random)
    found = table(mixed, z_true, 1000.0, *ends)
    assert next(iter(found["pairs"])) == "CIV as Lya" and found["pairs"]["CIV as Lya"] >= 200
    assert found["explained"] > 200 > 2.5 * found["by_chance"] and sum(found["pairs"].values()) == found["explained"]
