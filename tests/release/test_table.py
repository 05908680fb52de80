"""The published columns: joins by identity and by position, redshifts, models, links."""

import numpy as np
import pandas as pd
import pytest

from pipeline.data import catalogue as published
from pipeline.data.flags import bit
from pipeline.errors import PipelineError
from pipeline.release import table

ARCSEC = 1 / 3600


def graded():
    return pd.DataFrame(
        {
            "object_id": [3, 1, 2, 4],
            "ra": [30.0, 10.0, 20.0, 40.0],
            "grade": ["A", "B", "A", ""],
            "score_mean": [4.0, 3.0, 3.5, 1.0],
            "score_delta": [0.0, 2.0, 1.0, 0.0],
            "n_graders": [2.0, 2.0, 2.0, 2.0],
            "simulated": [False, True, False, False],
            "round": [1, 2, 1, 1],
            "known": [False, True, False, False],
            "known_name": ["", "KNOWN", "", ""],
            "known_separation": [np.nan, 0.7, np.nan, np.nan],
            "flags": [0, 0, bit("SIMULATED"), 0],
            "probability": [0.9, 0.8, 0.7, 0.1],
            "best_model": "probe",
            "rank": [1, 2, 3, 4],
            "stratum": "south",
            "provenance": "probe",
            "queries": ["", "5", "", ""],
            "members": "",
            "score_probe": [2.0, 1.0, 0.5, -3.0],
            "probability_probe": [0.9, 0.8, 0.7, 0.1],
        }
    )


def sources():
    n = 4
    return pd.DataFrame(
        {
            "object_id": [4, 3, 2, 1],
            "ra": [40.0, 30.0, 20.0, 10.0],
            "dec": [4.0, 3.0, 2.0, -1.0],
            "region": ["south"] * n,
            "type": ["DEV", "SER", "REX", "EXP"],
            "flags": 0,
            **{f"flux_{band}": [1.0, 10.0, 100.0, -1.0] for band in "grz"},
            **{f"nobs_{band}": np.array([5, 6, 7, -1], dtype=np.int16) for band in "grz"},
            "shape_r": 1.0,
            "ebv": 0.05,
            "z_phot_median": [0.4, 0.3, np.nan, 0.1],
            "z_phot_std": 0.03,
            "z_spec": [np.nan, np.nan, 0.25, 0.11],
        }
    )


REDSHIFTS = pd.DataFrame(
    {
        "ra": [30.0, 30.0, 20.0, 10.0],
        "dec": [3.0 + 1.2 * ARCSEC, 3.0 + 0.9 * ARCSEC, 2.0 + 1.6 * ARCSEC, -1.0],
        "z": [0.5, 0.6, 0.7, np.nan],
    }
)


def columns(layer=None):
    released = table.published(graded())
    return table.columns(released, sources(), REDSHIFTS, radius_arcsec=1.5, layer=layer)


def test_released_are_the_graded_by_grade_and_right_ascension():
    assert table.published(graded())["object_id"].tolist() == [2, 3, 1]


def test_columns_are_joined_by_identity_and_all_have_entries():
    found = columns()
    assert found["OBJECT_ID"].tolist() == [2, 3, 1]
    assert found["NAME"].tolist() == ["DESI-020.0000+02.0000", "DESI-030.0000+03.0000", "DESI-010.0000-01.0000"]
    assert found["DESINAME"][2] == "DESI J010.0000-01.0000"
    assert found["TYPE"].tolist() == ["REX", "SER", "EXP"]
    assert found["MAG_R"][:2] == pytest.approx([17.5, 20.0]) and np.isnan(found["MAG_R"][2])
    assert found["SIMULATED"].tolist() == [True, False, True]  # by flag, by a simulated grader
    assert found["SCORE_PROBE"].tolist() == [0.5, 2.0, 1.0]
    typed = published.typed_table(found, {})
    assert typed["NOBS_Z"].tolist() == [7, 6, -1]


def test_the_nearest_redshift_within_the_radius_counts_and_the_catalogue_stands_in():
    found = columns()
    # 2: the entry is 1.6 arcsec away, the catalogue has one; 3: the nearer of two; 1: the entry has no redshift
    assert found["Z_SPEC"] == pytest.approx([0.25, 0.6, 0.11])
    assert found["Z_SPEC_SEPARATION"][1] == pytest.approx(0.9, abs=1e-3)
    assert np.isnan(found["Z_SPEC_SEPARATION"][[0, 2]]).all()
    assert found["Z_PHOT"][1:] == pytest.approx([0.3, 0.1]) and np.isnan(found["Z_PHOT"][0])


def test_links_only_where_the_sky_is_real():
    assert "VIEWER_URL" not in columns()
    link = columns("ls-dr9")["VIEWER_URL"][0]
    assert link == "https://www.legacysurvey.org/viewer?ra=20.00000&dec=2.00000&layer=ls-dr9&zoom=16"


def test_an_empty_release_has_its_columns():
    empty = table.published(graded().assign(grade=""))
    found = table.columns(empty, sources(), REDSHIFTS, radius_arcsec=1.5, layer=None)
    assert len(published.typed_table(found, {})) == 0


def test_a_released_object_without_a_source_is_an_error():
    with pytest.raises(PipelineError, match="not in the catalogue"):
        table.columns(table.published(graded()), sources()[:2], REDSHIFTS, radius_arcsec=1.5, layer=None)
