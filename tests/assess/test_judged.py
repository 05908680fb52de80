"""Who is judged: the target by truth and by labels, what is set aside, duplicates, margins."""

import numpy as np
import pandas as pd
import pytest

from pipeline.assess import judged
from pipeline.data.flags import bit
from pipeline.errors import PipelineError

OPTIONS = {"which": "judge", "exclusion_arcsec": 25.0, "duplicate_arcsec": 1.0}
ARCSEC = 1 / 3600


@pytest.fixture
def split():
    """All of the sky is judged, but for one cell."""
    table = pd.DataFrame(
        {"cell": np.arange(12), "set": "judge", "nside": np.int32(1), "margin_arcsec": 60.0, "seed": 1}
    )
    table.loc[table.cell == 0, "set"] = "train"
    return table


def truth_of(rows):
    names = ["object_id", "ra", "dec", "is_lens", "visible", "listed", "catalogued_arc"]
    table = pd.DataFrame(rows, columns=names)
    return table.assign(system=np.arange(len(table)) + 100, theta_e=1.0, control="")


def catalogue_of(truth, flags=0):
    return pd.DataFrame({"object_id": truth.object_id, "ra": truth.ra, "dec": truth.dec, "flags": flags})


ROWS = [
    (9, 200.0, -30.0, True, True, False, False),  # an unlisted lens
    (8, 200.0, -30.0 + 10 * ARCSEC, False, False, False, False),  # beside it
    (7, 200.0, -30.0 + 26 * ARCSEC, False, False, False, False),  # far enough
    (6, 210.0, -30.0, True, False, True, False),  # a lens that nobody can see
    (5, 210.0, -30.0 + 5 * ARCSEC, False, False, False, False),  # beside that one
    (4, 220.0, -30.0, False, False, False, True),  # an arc with an entry of its own, its lens is not catalogued
    (3, 230.0, -30.0, False, False, False, False),
    (2, 230.0, -30.0 + 0.5 * ARCSEC, False, False, False, False),  # the same object in another release
    (1, 240.0, -30.0, True, True, True, False),
]


def test_the_target_is_every_visible_lens_and_what_is_neither_is_counted(split):
    truth = truth_of(ROWS)
    found = judged.select(catalogue_of(truth), split, None, truth, **OPTIONS)
    assert found.table["object_id"].tolist() == [1, 2, 7, 9]
    assert found.table["is_lens"].tolist() == [True, False, False, True]
    assert found.excluded == {
        "lenses whose features cannot be seen": 1,
        "arcs catalogued as sources": 1,
        "near a lens": 2,
        "the same object in another release": 1,
    }
    assert found.summary["unlisted"] == 1 and found.summary["share_text"] == "1 lens in 2 objects"
    assert found.table["system"].tolist() == [108, 107, 102, 100]


def test_of_duplicates_the_lens_and_the_unflagged_one_stay(split):
    rows = [
        (1, 200.0, -30.0, False, False, False, False),
        (2, 200.0, -30.0 + 0.4 * ARCSEC, True, True, False, False),
        (3, 210.0, -30.0, False, False, False, False),
        (4, 210.0, -30.0 + 0.4 * ARCSEC, False, False, False, False),
    ]
    truth = truth_of(rows)
    flags = np.array([0, 0, bit("DUPLICATE"), 0])
    found = judged.select(catalogue_of(truth, flags), split, None, truth, **{**OPTIONS, "exclusion_arcsec": 0.0})
    assert found.table["object_id"].tolist() == [2, 4]


def test_only_the_judged_sky_counts_and_margins_belong_to_nobody(split):
    import astropy.units as u
    import astropy_healpix

    lon, lat = astropy_healpix.healpix_to_lonlat(0, 1, order="nested")
    inside = (lon.to_value(u.deg), lat.to_value(u.deg))
    truth = truth_of([(1, *inside, False, False, False, False), (2, 200.0, -30.0, False, False, False, False)])
    found = judged.select(catalogue_of(truth), split, None, truth, **OPTIONS)
    assert found.table["object_id"].tolist() == [2]
    trained = judged.select(catalogue_of(truth), split, None, truth, **{**OPTIONS, "which": "train"})
    assert trained.table["object_id"].tolist() == [1]


def test_without_truth_the_labels_count(split):
    truth = truth_of(ROWS)
    labels = pd.DataFrame(
        {
            "object_id": [1, 6, 5, 0],
            "label": ["lens", "unclear", "near", "unmatched"],
            "known_ra": [240.0, 210.0, 210.0, 230.0],
            "known_dec": [-30.0, -30.0, -30.0, -30.0 + 20 * ARCSEC],
        }
    )
    found = judged.select(catalogue_of(truth), split, labels, None, **OPTIONS)
    assert found.table["object_id"].tolist() == [1, 4, 7, 8, 9]  # 2 and 3 lie near an entry without a source
    assert found.table["is_lens"].tolist() == [True, False, False, False, False]
    assert found.excluded["known lenses not graded clear"] == 1
    assert found.excluded["sources beside a known lens"] == 1
    assert found.excluded["near a lens"] == 2
    system = dict(zip(found.table["object_id"], found.table["system"], strict=True))
    assert system[7] == system[8] == system[9] and len(set(system.values())) == 3  # chains of neighbours
    assert "listed" not in found.table and found.summary["unlisted"] is None


def test_the_papers_split_is_labelled():
    table = pd.DataFrame({"set": ["train", "judge"], "lower": [0.0, 0.7], "upper": [0.7, 1.0], "seed": [1, 1]})
    rng = np.random.default_rng(0)
    rows = [(k, rng.uniform(0, 359), rng.uniform(-60, 60), False, False, False, False) for k in range(200)]
    truth = truth_of(rows)
    found = judged.select(catalogue_of(truth), table, None, truth, **OPTIONS)
    assert 40 < len(found.table) < 80 and "papers" in found.label


def test_missing_truth_and_missing_scores_are_named(split):
    truth = truth_of(ROWS)
    with pytest.raises(PipelineError, match="1 object.s. of a simulated survey have no truth"):
        judged.select(catalogue_of(truth), split, None, truth[truth.object_id != 7], **OPTIONS)
    table = pd.DataFrame({"object_id": [1, 5, 9]})
    results = {"object_id": np.array([1, 3, 5, 9]), "score": np.array([0.1, 0.2, 0.3, 0.4], dtype=np.float32)}
    assert judged.scores_of(table, results, model="m").tolist() == pytest.approx([0.1, 0.3, 0.4])
    with pytest.raises(PipelineError, match="no score of the model m"):
        judged.scores_of(pd.DataFrame({"object_id": [1, 4, 99]}), results, model="m")
