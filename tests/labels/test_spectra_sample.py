"""The sample of spectra on a made-up catalogue with repeated observations, planted on the edges of cells."""

import json

import numpy as np
import pandas as pd
import pytest

from pipeline.data.manifests import Entry, Manifest, sha256, write_manifest
from pipeline.data.sky import match
from pipeline.data.tables import parquet_metadata, read_parquet, write_parquet
from pipeline.errors import PipelineError
from pipeline.labels.spectra_sample import broad_absorption, draw, labels
from pipeline.labels.splits import assign, deal
from pipeline.settings.spectra.sample import SpectraSample
from pipeline.settings.splits import Splits
from pipeline.stages import sample_spectra

SPLITS = {
    "mode": "cells",
    "nside": 64,
    "margin_arcsec": 0.0,
    "shares": {"train": 0.5, "select": 0.15, "calibrate": 0.15, "judge": 0.2},
}
SAMPLE = {
    "tranches": [1],
    "label": "z_vi",
    "z_conf": None,
    "classes": ["quasar", "galaxy", "star", "sky"],
    "redshift": None,
    "exclude_flags": [],
    "object_arcsec": 2.0,
    "deal": {"mode": "sky"},
    "folds": 5,
}
SEED = 5


def catalogue(n=4000, seed=3):
    """Every fourth object has a second spectrum 1.5 arcsec away, every twentieth a chain of three."""
    rng = np.random.default_rng(seed)
    ra, dec = rng.uniform(0, 40, n), rng.uniform(-15, 15, n)
    second, third = np.arange(0, n, 4), np.arange(0, n, 20)
    ra = np.concatenate([ra, ra[second], ra[third]])
    shift = np.concatenate([np.zeros(n), np.full(len(second), 1.5), np.full(len(third), 3.0)]) / 3600
    dec = np.concatenate([dec, dec[second], dec[third]]) + shift
    total = len(ra)
    person = rng.choice([0, 1, 3, 4, 30, 50, -1], total, p=[0.05, 0.1, 0.5, 0.1, 0.1, 0.05, 0.1])
    sky = person == -1
    z = rng.gamma(4, 0.5, total)
    return pd.DataFrame(
        {
            "spectrum_id": rng.permutation(total).astype(np.int64) * 3 + 7,
            "object_id": np.arange(total, dtype=np.int64),
            "ra": ra,
            "dec": dec,
            "class_pipe": np.where(sky, "SKY", np.where(person == 1, "STAR", "QSO")).astype(object),
            "z_pipe": z + 0.01,
            "zwarn_pipe": rng.choice([0, 4], total),
            "class_vi": person.astype(np.int16),
            "z_vi": np.where(sky | (person == 0), np.nan, z),
            "z_conf": rng.integers(1, 4, total).astype(np.int16),
            "in_dr12q": rng.choice([1, 0, -1], total, p=[0.5, 0.4, 0.1]).astype(np.int16),
            "bal_flag": rng.choice([-1, 0, 1], total).astype(np.int16),
            "bi_civ": rng.choice([0.0, 500.0, np.nan], total),
            "flags": rng.integers(0, 2, total).astype(np.int64) << 24,
            "tranche": np.where(np.arange(total) % 50 == 49, 2, 1).astype(np.int32),
        }
    )


def drawn(frame=None, **changes):
    settings, splits = SpectraSample.parse({**SAMPLE, **changes}), Splits.parse(SPLITS)
    return draw(catalogue() if frame is None else frame, deal(splits, SEED), settings, SEED)


DEALS = [{"mode": "sky"}, {"mode": "catalogue", "select": 0.1, "calibrate": 0.1}]


@pytest.mark.parametrize("how", DEALS, ids=["sky", "catalogue"])
def test_spectra_of_one_object_lie_in_one_set_and_fold(how):
    frame = catalogue()
    sample, counts = drawn(frame, deal=how)
    frame = frame[frame.tranche == 1].set_index("spectrum_id").loc[sample.spectrum_id]
    i, j, _ = match(frame.ra, frame.dec, frame.ra, frame.dec, 2.0)
    assert (i != j).sum() > 1500
    assert (sample.group.to_numpy()[i] == sample.group.to_numpy()[j]).all()
    assert (sample.fold.to_numpy()[i] == sample.fold.to_numpy()[j]).all()
    sets = sample.set.to_numpy(dtype=str)
    both = (sets[i] != "") & (sets[j] != "")
    assert (sets[i] == sets[j])[both].all()
    used = sample[sample.set != ""]
    assert used.groupby("group").set.nunique().max() == 1
    assert used.groupby("group").size().max() == 3  # chains of three come through
    assert all(counts[name]["quasar"] > 20 for name in counts)
    assert sum(sum(count.values()) for count in counts.values()) == len(used)


def test_an_object_across_the_edge_of_a_cell_is_in_no_set():
    """With a margin of 0 the planted pairs 1.5 arcsec apart are all that keeps an object out."""
    frame = catalogue().iloc[:2].copy()
    splits = Splits.parse(SPLITS)
    table = deal(splits, SEED)
    dec = np.arange(-20, 20, 1e-4)

    sets = assign(np.full(len(dec), 10.0), dec, table, 64, 0.0)
    edge = np.flatnonzero((sets[1:] != sets[:-1]) & (sets[:-1] == "train"))[0]
    frame["ra"], frame["class_vi"], frame["z_vi"], frame["class_pipe"] = 10.0, np.int16(3), 2.0, "QSO"
    frame["dec"] = [dec[edge], dec[edge + 1]]  # 0.36 arcsec
    more = catalogue()
    more["spectrum_id"] += 100_000
    sample, _ = draw(pd.concat([frame, more]), table, SpectraSample.parse(SAMPLE), SEED)
    pair = sample[sample.spectrum_id.isin(frame.spectrum_id)]
    assert pair.group.nunique() == 1 and (pair.set == "").all()


def test_the_catalogue_deals_as_the_paper_does():
    frame = catalogue(20_000)
    sample, counts = drawn(frame, deal=DEALS[1], classes=["quasar"])
    known = frame.set_index("spectrum_id").in_dr12q.loc[sample.spectrum_id].to_numpy()
    sets = sample.set.to_numpy(dtype=str)
    assert not np.isin(sets[known == 1], ["judge"]).any()
    alone = ~sample.group.duplicated(keep=False)
    assert set(sets[alone & (known == 0)]) <= {"judge", ""}
    assert (sets[alone & (known == -1)] == "").all()
    early = sum(counts[name]["quasar"] for name in ("train", "select", "calibrate"))
    assert counts["select"]["quasar"] / early == pytest.approx(0.1, abs=0.015)
    assert counts["calibrate"]["quasar"] / early == pytest.approx(0.1, abs=0.015)


def test_labels_of_inspection_and_of_the_pipeline():
    frame = catalogue()
    kind, z = labels(frame, SpectraSample.parse(SAMPLE))
    person = frame.class_vi.to_numpy()
    assert set(kind[np.isin(person, (3, 30))]) == {"quasar"} and set(kind[person == 4]) == {"galaxy"}
    assert set(kind[np.isin(person, (0, 50))]) == {""} and set(kind[person == -1]) == {"sky"}
    np.testing.assert_array_equal(z[kind == "quasar"], frame.z_vi[kind == "quasar"])
    assert np.isnan(z[np.isin(kind, ("", "sky"))]).all()
    kind, _ = labels(frame, SpectraSample.parse({**SAMPLE, "z_conf": 3}))
    assert (frame.z_conf[kind == "quasar"] == 3).all() and (kind == "quasar").sum() > 500
    kind, z = labels(frame, SpectraSample.parse({**SAMPLE, "label": "z_pipe"}))
    assert (frame.class_pipe[kind == "quasar"] == "QSO").all()
    np.testing.assert_array_equal(z[kind == "quasar"], frame.z_pipe[kind == "quasar"])


def test_the_pipeline_labels_what_nobody_has_looked_at():
    frame = catalogue()
    kind, z = labels(frame, SpectraSample.parse({**SAMPLE, "label": "either", "z_conf": 2}))
    inspected, sure = frame.class_vi > 0, frame.z_conf >= 2
    by_pipe = (frame.class_vi == 0) & (frame.zwarn_pipe == 0)
    assert by_pipe.sum() > 50 and (kind[by_pipe] == "quasar").all()
    np.testing.assert_array_equal(z[by_pipe], frame.z_pipe[by_pipe])
    quasar = inspected & sure & frame.class_vi.isin((3, 30))
    np.testing.assert_array_equal(z[quasar], frame.z_vi[quasar])
    assert (kind[quasar] == "quasar").all()
    assert set(kind[inspected & ~sure]) == {""} == set(kind[(frame.class_vi == 0) & (frame.zwarn_pipe > 0)])
    assert set(kind[frame.class_pipe == "SKY"]) == {"sky"}


def test_broad_absorption_lines():
    frame = pd.DataFrame(
        {
            "bal_flag": [1, 1, 0, 0, 1, 0, -1, -1, 1],
            "bi_civ": [500.0, 0.0, 0.0, 500.0, np.nan, np.nan, np.nan, np.nan, 500.0],
            "class_vi": [3, 3, 3, 3, 3, 3, 30, 3, 1],
        }
    )
    kind = np.array(["quasar"] * 8 + ["star"], dtype=object)
    assert broad_absorption(frame, kind).tolist() == [1, 0, -1, 0, 1, -1, 1, 0, 0]


def test_range_of_redshift_flags_and_tranches():
    sample, counts = drawn(redshift={"lower": 2.8, "upper": 3.0}, classes=["quasar", "sky"])
    chosen = sample[(sample.set != "") & (sample.label_class == "quasar")]
    assert chosen.label_z.between(2.8, 3.0).all() and counts["train"]["quasar"] == (chosen.set == "train").sum() > 10
    assert set(sample.label_class[sample.set != ""]) == {"quasar", "sky"}
    frame = catalogue()
    sample, _ = drawn(frame, exclude_flags=["NAN_PIXELS"])
    flags = frame.set_index("spectrum_id")["flags"].loc[sample.spectrum_id[sample.set != ""]]
    assert (flags == 0).all() and len(flags) > 500
    assert len(sample) == (frame.tranche == 1).sum()


def test_folds_are_even():
    sample, _ = drawn()
    train = sample[(sample.set == "train") & (sample.label_class == "quasar")]
    sizes = train.drop_duplicates("group").fold.value_counts()
    assert len(sizes) == 5 and sizes.max() - sizes.min() <= 0.1 * sizes.mean()


def test_the_order_of_the_catalogue_does_not_matter():
    frame = catalogue(800)
    first, _ = drawn(frame)
    again, _ = drawn(frame.sample(frac=1, random_state=1))
    pd.testing.assert_frame_equal(first, again)


def test_what_cannot_be_is_refused():
    with pytest.raises(PipelineError, match="no quasar to train on"):
        drawn(classes=["sky"])
    with pytest.raises(PipelineError, match="same identity"):
        drawn(pd.concat([catalogue(50), catalogue(50)]))
    with pytest.raises(PipelineError, match="nothing to train on"):
        drawn(deal={"mode": "catalogue", "select": 0.5, "calibrate": 0.5})
    with pytest.raises(PipelineError, match="upper is not above lower"):
        drawn(redshift={"lower": 3.0, "upper": 2.8})
    papers = Splits.parse(
        {**SPLITS, "mode": "papers", "shares": {"train": 0.7, "select": 0.0, "calibrate": 0.0, "judge": 0.3}}
    )
    with pytest.raises(PipelineError, match="dealt singly"):
        draw(catalogue(), deal(papers, SEED), SpectraSample.parse(SAMPLE), SEED)


def test_the_stage(tmp_path):
    frame = catalogue(1000)
    manifests = []
    for number, rows in enumerate(np.array_split(np.arange(len(frame)), 2)):
        path = tmp_path / "catalogue" / f"s{number}.parquet"
        write_parquet(frame.iloc[rows], path)
        manifests.append(path.with_name(f"t1-b{number}.json"))
        entry = Entry(f"s{number}", len(rows), {path.name: sha256(path)})
        write_manifest(Manifest("catalogue", f"t1-b{number}", [entry]), manifests[-1])
    write_parquet(deal(Splits.parse(SPLITS), SEED), tmp_path / "splits.parquet")
    settings = {"sample": SAMPLE, "seed": SEED}
    arguments = ["--catalogue", *map(str, manifests), "--splits", str(tmp_path / "splits.parquet")]
    arguments += ["--out", str(tmp_path / "sample.parquet"), "--settings", json.dumps(settings)]
    assert sample_spectra.main([*arguments, "--work", str(tmp_path / "work"), "--log", str(tmp_path / "log")]) == 0
    pd.testing.assert_frame_equal(read_parquet(tmp_path / "sample.parquet"), drawn(frame)[0], check_dtype=False)
    assert parquet_metadata(tmp_path / "sample.parquet") == {"label": "z_vi", "mode": "sky"}
