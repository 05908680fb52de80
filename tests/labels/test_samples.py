"""The sample: nested ratios, independence of order, nothing near a known object, matched passes, confusers, rounds."""

import numpy as np
import pandas as pd
import pytest

from pipeline.data import sky
from pipeline.data.flags import bit
from pipeline.errors import PipelineError
from pipeline.images.photometry import magnitudes
from pipeline.labels.samples import COLUMNS, GRADED, confuser_classes, draw
from pipeline.labels.splits import SETS, assign_as_dealt, deal
from pipeline.settings.sample import Confusers, Sample

SEED = 11


@pytest.fixture
def drawn(sky_of_tests):
    """Draw with changed settings, catalogue or knowledge; return the sample joined to the catalogue, and the counts."""

    def make(catalogue=None, known=None, splits=None, seed=SEED, **change):
        catalogue = sky_of_tests.catalogue() if catalogue is None else catalogue
        known = sky_of_tests.known(catalogue) if known is None else known
        splits = splits or sky_of_tests.splits
        table = deal(splits, 1)
        sample, counts = draw(catalogue, known, table, sky_of_tests.sample(**change), splits, seed)
        assert {name: sample[name].dtype for name in COLUMNS} == COLUMNS
        return sample, counts

    return make


def test_training_ratios_are_nested_and_exact(drawn):
    sample, counts = drawn()
    train = sample[sample.set == "train"]
    lenses = int((train.label == 1).sum())
    assert lenses > 10 and (train.tier[train.label == 1] == 0).all()
    for tier, ratio in enumerate([1, 3, 10]):
        assert ((train.label == 0) & (train.tier <= tier)).sum() == ratio * lenses
    assert counts["train"] == {"lenses": lenses, "non_lenses": 10 * lenses, "wanted": 10 * lenses}


def test_smaller_ratios_are_the_same_when_larger_ones_are_added(drawn):
    few, many = drawn(ratios=[1.0, 3.0])[0], drawn(ratios=[1.0, 3.0, 10.0])[0]
    key = ["object_id", "set", "tier"]
    kept = many[~((many.set == "train") & (many.tier == 2))]
    pd.testing.assert_frame_equal(few[key], kept[key].reset_index(drop=True))


def test_the_sample_does_not_depend_on_the_order_of_the_catalogue(drawn, sky_of_tests):
    catalogue = sky_of_tests.catalogue()
    shuffled = catalogue.sample(frac=1, random_state=3)
    known = sky_of_tests.known(catalogue)
    pd.testing.assert_frame_equal(drawn(catalogue, known)[0], drawn(shuffled, known)[0])


def test_another_tranche_changes_nothing_until_it_is_named(drawn, sky_of_tests):
    catalogue = sky_of_tests.catalogue()
    known = sky_of_tests.known(catalogue)
    more = sky_of_tests.catalogue(seed=1).assign(tranche=np.int16(2))
    more["object_id"] += 10**9
    both = pd.concat([catalogue, more], ignore_index=True)
    alone = drawn(catalogue, known)[0]
    pd.testing.assert_frame_equal(drawn(both, known)[0], alone)
    named = drawn(both, known, tranches=[1, 2])[0]
    assert (named.object_id > 10**9).any()
    # The old objects that are left keep their order: a rank is an object's own.
    old = named[(named.set == "train") & (named.label == 0) & (named.object_id < 10**9)]
    assert set(old.object_id) <= set(alone.object_id[(alone.set == "train") & (alone.label == 0)])


def test_seeds_draw_differently(drawn):
    first, second = drawn(seed=1)[0], drawn(seed=2)[0]
    one, other = (set(table.object_id[(table.set == "train") & (table.label == 0)]) for table in (first, second))
    assert len(one) == len(other) and 0.1 < len(one & other) / len(one) < 0.9
    lenses = [table.object_id[table.label == 1].tolist() for table in (first, second)]
    assert lenses[0] == lenses[1]


def test_no_non_lens_is_near_a_known_object(drawn, sky_of_tests):
    """Also not near unclear ones, or near entries without a source."""
    catalogue = sky_of_tests.catalogue()
    known = sky_of_tests.known(catalogue)
    crowd = catalogue.iloc[:2000].copy()  # companions of the first objects, 20 and 30 arcsec away
    crowd["object_id"] += 2 * 10**9
    crowd["dec"] += np.where(np.arange(2000) % 2, 20.0, 30.0) / 3600
    lost = catalogue.iloc[1001]
    unmatched = pd.DataFrame(
        {"object_id": [0], "label": ["unmatched"], "system_id": [999], "known_ra": [lost.ra], "known_dec": [lost.dec]}
    )
    labels = pd.concat([known.labels, unmatched], ignore_index=True)
    both = pd.concat([catalogue, crowd], ignore_index=True)
    sample, _ = drawn(both, sky_of_tests.known(catalogue, labels=labels), ratios=[1.0, 30.0])
    others = sample[sample.label == 0].merge(both, on="object_id")
    assert not others.object_id.isin(labels.object_id).any()
    assert len(sky.match(others.ra, others.dec, labels.known_ra, labels.known_dec, sky_of_tests.radius)[0]) == 0
    assert lost.object_id not in set(sample.object_id)
    assert (others.object_id > 2 * 10**9).any()


def test_unclear_ones_are_neither(drawn, sky_of_tests):
    catalogue = sky_of_tests.catalogue()
    labels = sky_of_tests.known(catalogue).labels
    sample, _ = drawn(catalogue)
    positives = set(sample.object_id[sample.label == 1])
    assert positives <= set(labels.object_id[labels.label == "lens"])
    assert not set(sample.object_id) & set(labels.object_id[labels.label != "lens"])


def test_held_out_sets_hold_everything_or_a_ratio(drawn, sky_of_tests):
    catalogue = sky_of_tests.catalogue()
    table = deal(sky_of_tests.splits, 1)
    sets = assign_as_dealt(catalogue.ra, catalogue.dec, table)
    labels = sky_of_tests.known(catalogue).labels
    sample, _ = drawn(catalogue)
    for name in SETS[1:]:
        mine = sample[sample.set == name]
        members = set(catalogue.object_id[sets == name])
        assert set(mine.object_id[mine.label == 1]) == members & set(labels.object_id[labels.label == "lens"])
        assert set(mine.object_id[mine.label == 0]) >= members - set(labels.object_id) - _beside(catalogue, labels)
        assert (mine.tier == 0).all()
    limited, counts = drawn(catalogue, held_out_ratio=2.0)
    for name in SETS[1:]:
        mine = limited[limited.set == name]
        assert (mine.label == 0).sum() == 2 * (mine.label == 1).sum() == counts[name]["non_lenses"]


def _beside(catalogue, labels):
    i, _, _ = sky.match(catalogue.ra, catalogue.dec, labels.known_ra, labels.known_dec, 25.15)
    return set(catalogue.object_id.to_numpy()[i])


def test_margins_are_left_out(drawn, sky_of_tests):
    sample, _ = drawn()
    catalogue = sky_of_tests.catalogue()
    sets = pd.Series(assign_as_dealt(catalogue.ra, catalogue.dec, deal(sky_of_tests.splits, 1)), catalogue.object_id)
    assert (sets.loc[sample.object_id].to_numpy() == sample.set.to_numpy()).all()
    assert (sets == "").any()


def test_region_magnitude_and_flags(drawn, sky_of_tests):
    catalogue = sky_of_tests.catalogue()
    catalogue.loc[::7, "flags"] = bit("UNREADABLE") | bit("NO_EBV")
    catalogue.loc[1::7, "flags"] = bit("NO_EBV")
    sample, _ = drawn(catalogue, regions=["south"], magnitude={"band": "z", "limit": 20.0})
    rows = sample.merge(catalogue, on="object_id")
    assert set(rows.region) == {"south"}
    assert magnitudes(rows.flux_z).max() < 20.0
    assert set(rows["flags"]) == {0, bit("NO_EBV")}


def test_passes_are_matched(drawn, sky_of_tests):
    """Lenses with many passes, others with few: matched non-lenses have the lenses' distribution."""
    catalogue = sky_of_tests.catalogue(12_000)
    known = sky_of_tests.known(catalogue, every=120)
    deep = catalogue.object_id.isin(known.labels.object_id) | (np.arange(len(catalogue)) % 4 == 0)
    rng = np.random.default_rng(0)
    for band in "grz":
        catalogue[f"nobs_{band}"] = np.where(
            deep, rng.integers(7, 12, len(catalogue)), rng.integers(1, 9, len(catalogue))
        )
    edges = [3, 7, 10]
    sample, _ = drawn(catalogue, known, match_passes={"edges": edges}, ratios=[1.0, 5.0])
    rows = sample[sample.set == "train"].merge(catalogue, on="object_id")
    stratum = sum(np.digitize(rows[f"nobs_{band}"], edges) * 4**place for place, band in enumerate("grz"))
    for tier, ratio in ((0, 1), (1, 5)):
        for number in np.unique(stratum[rows.label == 1]):
            lenses = ((stratum == number) & (rows.label == 1)).sum()
            others = ((stratum == number) & (rows.label == 0) & (rows.tier <= tier)).sum()
            assert others <= ratio * lenses
    total = (rows.label == 0).sum() / (rows.label == 1).sum()
    assert total > 4
    assert set(np.unique(stratum[rows.label == 0])) <= set(np.unique(stratum[rows.label == 1]))
    unmatched = drawn(catalogue, known, ratios=[1.0, 5.0])[0].merge(catalogue, on="object_id")

    def passes(table, label):
        return table.nobs_z[(table.set == "train") & (table.label == label)].mean()

    assert abs(passes(rows, 0) - passes(rows, 1)) < 0.6 < abs(passes(unmatched, 0) - passes(unmatched, 1))


CONFUSERS = {
    "path": "confusers.csv",
    "columns": {"ra": "ra", "dec": "dec", "kind": "kind"},
    "radius_arcsec": 1.5,
    "shares": {"spiral": 0.1, "merger": 0.05},
}


def test_confusers_have_their_shares(drawn, sky_of_tests):
    catalogue = sky_of_tests.catalogue()
    kinds = pd.Series(
        np.array(["spiral", "merger", "", "", ""], dtype=object)[np.arange(len(catalogue)) % 5], catalogue.object_id
    )
    known = sky_of_tests.known(catalogue, every=31, confusers=kinds[kinds != ""].to_dict())
    sample, _ = drawn(catalogue, known, confusers=CONFUSERS, ratios=[1.0, 4.0, 10.0])
    train = sample[sample.set == "train"]
    lenses = (train.label == 1).sum()
    for tier, ratio in enumerate([1, 4, 10]):
        part = train[(train.label == 0) & (train.tier <= tier)]
        assert (part.confuser == "spiral").sum() == int(0.1 * ratio * lenses + 1e-9)
        assert (part.confuser == "merger").sum() == int(0.05 * ratio * lenses + 1e-9)
        assert abs(len(part) - ratio * lenses) <= 2
        assert (kinds.loc[part.object_id].to_numpy() == part.confuser.to_numpy()).all()
    assert (sample.confuser[sample.set != "train"] == "").all()


def test_confusers_are_matched_by_position(sky_of_tests):
    catalogue = sky_of_tests.catalogue(100)
    settings = Confusers.parse(CONFUSERS)
    entries = pd.DataFrame(
        {
            "ra": [*catalogue.ra[:4], catalogue.ra[3], 200.0],
            "dec": [*(catalogue.dec[:4] + 1e-4), catalogue.dec[3], 0.0],
            "kind": ["spiral", "merger", "ring", "spiral", "merger", "spiral"],
        }
    )
    found = confuser_classes(settings, entries, catalogue)
    ids = catalogue.object_id
    assert found == {ids[0]: "spiral", ids[1]: "merger", ids[3]: "merger"}  # rings are not asked for
    with pytest.raises(PipelineError, match="merger"):
        confuser_classes(settings, entries[entries.kind == "spiral"], catalogue)


def test_graded_objects_join_the_training_set_only(drawn, sky_of_tests):
    catalogue = sky_of_tests.catalogue()
    plain, _ = drawn(catalogue)
    free = plain[plain.label == 0]
    graded = pd.DataFrame(
        {
            "object_id": np.concatenate([free[free.set == name].object_id[:6] for name in ("train", "judge")]),
            "label": np.array([1, 1, 1, 0, 0, 0] * 2, dtype=np.int8),
        }
    )
    known = sky_of_tests.known(catalogue, graded=graded)
    sample, counts = drawn(catalogue, known)
    train, judge = graded[:6].object_id.tolist(), graded[6:].object_id.tolist()
    label = sample.set_index("object_id").label
    assert [int(label[value]) for value in train] == [1, 1, 1, 0, 0, 0]
    assert (sample[sample.object_id.isin(train[3:])].confuser == GRADED).all()
    assert (sample[sample.object_id.isin(train[3:])].tier == 0).all()
    assert not set(judge[:3]) & set(sample.object_id)  # new lenses of the judged sky are left out
    assert [int(label[value]) for value in judge[3:]] == [0, 0, 0]
    lenses = int(((sample.set == "train") & (sample.label == 1)).sum())
    assert lenses == ((plain.set == "train") & (plain.label == 1)).sum() + 3
    assert counts["train"]["non_lenses"] == 10 * lenses + 3


def test_a_known_object_is_not_graded_again(drawn, sky_of_tests):
    catalogue = sky_of_tests.catalogue()
    labels = sky_of_tests.known(catalogue).labels
    unclear = labels.object_id[labels.label == "unclear"].to_numpy()
    graded = pd.DataFrame({"object_id": unclear, "label": np.ones(len(unclear), dtype=np.int8)})
    sample, _ = drawn(catalogue, sky_of_tests.known(catalogue, graded=graded))
    pd.testing.assert_frame_equal(sample, drawn(catalogue)[0])


def test_the_papers_mode_gives_one_row_for_each_role(drawn, sky_of_tests):
    sample, _ = drawn(splits=sky_of_tests.papers)
    by_set = {name: set(sample.object_id[sample.set == name]) for name in SETS}
    assert by_set["select"] == by_set["calibrate"] == by_set["judge"] and not by_set["train"] & by_set["judge"]
    lenses = sample[sample.label == 1].drop_duplicates("object_id")
    assert (lenses.set == "train").mean() == pytest.approx(0.7, abs=0.15)


def test_too_few_non_lenses_are_all_taken_and_counted(drawn):
    sample, counts = drawn(ratios=[1.0, 1000.0])
    assert counts["train"]["non_lenses"] < counts["train"]["wanted"] == 1000 * counts["train"]["lenses"]
    assert ((sample.set == "train") & (sample.label == 0)).sum() == counts["train"]["non_lenses"]


def test_no_lens_is_an_error(drawn, sky_of_tests):
    known = sky_of_tests.known(sky_of_tests.catalogue())
    labels = known.labels.assign(label="unclear")
    with pytest.raises(PipelineError, match="no lens to train on"):
        drawn(known=sky_of_tests.known(sky_of_tests.catalogue(), labels=labels))


@pytest.mark.parametrize(
    "change, message",
    [
        ({"ratios": [3.0, 1.0]}, "ratios ascend"),
        ({"match_passes": {"edges": [7, 3]}}, "edges ascend"),
        ({"rounds": {"lenses": ["A", "B"], "non_lenses": ["B"]}}, "lens and a non-lens"),
        ({"confusers": {**CONFUSERS, "shares": {"a": 0.7, "b": 0.5}}}, "more than 1"),
        ({"held_out": 3}, "held_out_ratio"),
    ],
)
def test_settings_that_cannot_be(sky_of_tests, change, message):
    with pytest.raises(PipelineError, match=message):
        Sample.parse({**sky_of_tests.sample().plain(), **change})
