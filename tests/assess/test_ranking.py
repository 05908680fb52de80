"""Ranking and merging of candidates, against cases worked out by hand."""

import numpy as np
import pandas as pd
import pytest

from pipeline.assess import ranking
from pipeline.assess.candidate_table import as_table
from pipeline.data import flags
from pipeline.data.tables import read_ecsv, write_ecsv
from pipeline.search.queries import Found
from pipeline.settings.rank import Rank

ARCSEC = 1 / 3600


def settings(**changes):
    value = {
        "models": ["probe", "finder"],
        "magnitude_band": "z",
        "strata": [
            {"name": "bright", "regions": ["south"], "bright": None, "faint": 20.0, "per_model": 2, "inspect": 2},
            {"name": "rest", "regions": None, "bright": None, "faint": 22.0, "per_model": 1, "inspect": 1},
        ],
        "combine": "max",
        "system_arcsec": 25.0,
        "leave_out": ["training"],
        **changes,
    }
    return Rank.parse(value)


def catalogue(magnitudes, regions=None, ra=None):
    n = len(magnitudes)
    flux = 10 ** (0.4 * (22.5 - np.asarray(magnitudes, dtype=float)))
    return pd.DataFrame(
        {
            "object_id": np.arange(1, n + 1) + (1 << 60),
            "ra": np.arange(n) * 0.1 if ra is None else ra,
            "dec": np.zeros(n),
            "region": regions or ["south"] * n,
            "type": ["DEV"] * n,
            "flags": np.zeros(n, dtype=np.int32),
            "flux_r": flux,
            "flux_z": flux,
        }
    )


def scores(name, logits):
    logits = np.asarray(logits, dtype=float)
    return ranking.Scores(name, logits, 1 / (1 + np.exp(-logits)))


def found(name, ids, cosine, query=1):
    return Found(name, "moco", query, np.array(ids, dtype=np.int64) + (1 << 60), np.array(cosine, dtype=np.float32))


def numbers(table):
    return (table["object_id"] - (1 << 60)).tolist()


def test_strata_take_the_first_that_fits_and_limits_are_half_open():
    strata = settings().strata
    region = np.array(["south", "south", "north", "south", "south"])
    magnitude = np.array([19.99, 20.0, 18.0, 22.0, np.nan])
    assert ranking.strata_of(region, magnitude, strata).tolist() == ["bright", "rest", "rest", "", ""]


def test_each_model_gives_its_best_of_each_stratum():
    cat = catalogue([19, 19, 19, 19, 21, 21, 25])
    probe = scores("probe", [0.1, 3.0, 2.0, 1.0, -5.0, -4.0, 9.0])
    finder = scores("finder", [5.0, -1.0, np.nan, 4.0, -3.0, -9.0, 9.0])
    table = ranking.candidates(cat, [probe, finder], [], settings())
    # bright: 2, 3 of the probe, 1, 4 of the finder; rest: 6 of the probe, 5 of the finder; 7 is in no stratum.
    assert numbers(table) == [1, 4, 2, 3, 5, 6]
    by_id = table.set_index(table["object_id"] - (1 << 60))
    assert by_id.at[1, "sources"] == ("finder",) and by_id.at[2, "sources"] == ("probe",)
    assert by_id.at[1, "probability"] == pytest.approx(1 / (1 + np.exp(-5.0)))
    assert by_id.at[3, "probability"] == pytest.approx(1 / (1 + np.exp(-2.0)))  # the finder has no score for it
    probability = table["probability"].to_numpy()
    assert (np.diff(probability) <= 0).all()
    mean = ranking.candidates(cat, [probe, finder], [], settings(combine="mean")).set_index("object_id")
    expected = (1 / (1 + np.exp(-0.1)) + 1 / (1 + np.exp(-5.0))) / 2
    assert mean.at[(1 << 60) + 1, "probability"] == pytest.approx(expected)
    assert mean.at[(1 << 60) + 3, "probability"] == pytest.approx(1 / (1 + np.exp(-2.0)))


def test_equal_probabilities_go_by_place_then_id():
    cat = catalogue([19, 19, 19])
    flat = ranking.Scores("probe", np.array([1.0, 2.0, 2.0]), np.array([0.5, 0.5, 0.5]))
    table = ranking.candidates(cat, [flat], [], settings(models=["probe"]))
    assert numbers(table) == [2, 3]
    assert table["best_model"].tolist() == ["probe", "probe"]


def test_searches_are_sources_beside_the_models():
    cat = catalogue([19, 19, 19, 25])
    probe = scores("probe", [3.0, -9.0, 1.0])
    probe = ranking.Scores("probe", np.append(probe.score, 0), np.append(probe.probability, 0))
    searches = [found("arc", [2, 1, 4], [0.9, 0.8, 0.7], query=77), found("ring", [2], [0.95], query=78)]
    table = ranking.candidates(cat, [probe], searches, settings(models=["probe"]))
    assert numbers(table) == [1, 3, 2]  # 4 is in no stratum
    assert table["sources"].tolist() == [("probe", "search:arc"), ("probe",), ("search:arc", "search:ring")]
    assert table["queries"].tolist() == [(77,), (), (77, 78)]
    np.testing.assert_allclose(table["similarity"], [0.8, np.nan, 0.95], rtol=1e-6)


def test_without_models_the_searches_alone_give_candidates():
    table = ranking.candidates(catalogue([19, 19]), [], [found("arc", [2], [0.5])], settings(models=[]))
    assert numbers(table) == [2] and np.isnan(table["probability"][0])
    assert ranking.merge_systems(table, 25.0)["rank"].tolist() == [1]


def merged(ra_arcsec, logits, searches=()):
    cat = catalogue([19] * len(logits), ra=np.asarray(ra_arcsec) * ARCSEC)
    one = settings(models=["probe"], strata=[{**settings().strata[0].plain(), "per_model": 99, "inspect": 99}])
    return ranking.candidates(cat, [scores("probe", logits)], list(searches), one), one


def test_one_system_keeps_its_best_member_and_a_chain_is_not_one_system():
    table, _ = merged([0, 20, 40, 200], [1.0, 2.0, 0.5, 0.0], [found("arc", [3], [0.9], query=5)])
    systems = ranking.merge_systems(table, 25.0)
    assert numbers(systems) == [2, 4]  # 20 arcsec takes in 0 and 40
    assert [tuple(v - (1 << 60) for v in members) for members in systems["members"]] == [(1, 3), ()]
    assert systems["sources"][0] == ("probe", "search:arc") and systems["queries"][0] == (5,)
    assert systems["similarity"][0] == pytest.approx(0.9)
    assert systems["flags"].tolist() == [flags.bit("MERGED"), 0]
    chain, _ = merged([0, 20, 40], [2.0, 1.0, 0.5])
    assert numbers(ranking.merge_systems(chain, 25.0)) == [1, 3]


def test_merging_works_across_right_ascension_zero():
    table, _ = merged([-10 + 360 * 3600, 10], [1.0, 2.0])
    assert numbers(ranking.merge_systems(table, 25.0)) == [2]


def test_known_systems_are_marked_by_any_member():
    table, _ = merged([0, 20, 300, 600], [2.0, 1.0, 0.0, -1.0])
    systems = ranking.merge_systems(table, 25.0)
    known = pd.DataFrame({"name": ["far", "close"], "ra": [340 * ARCSEC, 40 * ARCSEC], "dec": [0.0, 0.0]})
    marked = ranking.mark_known(systems, table[["object_id", "ra", "dec"]], known, 25.0)
    assert numbers(marked) == [1, 3, 4]
    assert marked["known"].tolist() == [True, False, False]
    assert marked["known_name"].tolist() == ["close", "", ""]
    assert marked["known_separation"][0] == pytest.approx(20, abs=1e-6)
    none = ranking.mark_known(systems, table[["object_id", "ra", "dec"]], known[:0], 25.0)
    assert not none["known"].any()


def ready(table, one, training=()):
    systems = ranking.merge_systems(table, 25.0)
    nobody = pd.DataFrame({"name": [], "ra": [], "dec": []})
    systems = ranking.mark_known(systems, table[["object_id", "ra", "dec"]], nobody, 25.0)
    labels = pd.DataFrame({"object_id": [(1 << 60) + 2, 0], "label": ["lens", "unmatched"]})
    systems = ranking.mark_labels(systems, labels, np.array(training, dtype=np.int64) + (1 << 60))
    systems["in_batch"] = ranking.choose_batch(systems, one)
    return systems


def test_the_batch_holds_the_best_of_each_stratum_and_all_that_searches_found():
    table, one = merged([0, 100, 200, 300], [3.0, 2.0, 1.0, -8.0], [found("arc", [4], [0.9])])
    one = one.model_copy(update={"strata": [one.strata[0].model_copy(update={"inspect": 1})]})
    table.loc[table["object_id"] == (1 << 60) + 4, "sources"] = pd.Series([("search:arc",)], index=[3])
    chosen = ready(table, one)
    assert chosen["in_batch"].tolist() == [True, False, False, True]
    chosen = ready(table, one, training=[1])
    assert chosen["training"].tolist() == [True, False, False, False]
    assert chosen["in_batch"].tolist() == [False, True, False, True]
    assert chosen["label"].tolist() == ["", "lens", "", ""]


def test_counts_of_sources_overlap_and_union():
    table, one = merged([0, 100, 200], [3.0, 2.0, 1.0], [found("arc", [2, 3], [0.9, 0.8]), found("ring", [3], [0.7])])
    found_counts = ranking.counts(ready(table, one), one)
    assert found_counts["sources"]["probe"] == {"candidates": 3, "new": 3, "alone": 1}
    assert found_counts["sources"]["search:ring"]["candidates"] == 1
    assert found_counts["shared"]["search:arc"] == {"probe": 2, "search:ring": 1}
    assert found_counts["union"] == 3 and found_counts["strata"]["bright"] == {"candidates": 3, "in_batch": 3}


def test_the_table_survives_its_file(tmp_path):
    table, one = merged([0, 20, 200], [3.0, 2.0, 1.0], [found("arc", [1], [0.9], query=(1 << 60) + 3)])
    written = as_table(ready(table, one), one.models)
    written.meta = {"counts": ranking.counts(ready(table, one), one)}
    write_ecsv(written, tmp_path / "a.ecsv")
    write_ecsv(written, tmp_path / "b.ecsv")
    assert (tmp_path / "a.ecsv").read_bytes() == (tmp_path / "b.ecsv").read_bytes()
    back = read_ecsv(tmp_path / "a.ecsv")
    assert back["object_id"].tolist() == [(1 << 60) + 1, (1 << 60) + 3]
    assert back["members"][0] == str((1 << 60) + 2) and back["queries"][0] == str((1 << 60) + 3)
    assert np.ma.filled(back["known_name"], "").tolist() == ["", ""]
    assert back["name"][0] == "DESI-000.0000+00.0000" and back["ra"].unit == "deg"
    assert back.meta["counts"]["union"] == 2
    empty = as_table(ready(table[:0], one), one.models)
    write_ecsv(empty, tmp_path / "empty.ecsv")
    assert len(read_ecsv(tmp_path / "empty.ecsv")) == 0
