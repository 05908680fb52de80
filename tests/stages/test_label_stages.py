"""From lists to samples through the doors: splits, labels, sample and leak_audit on a small sky with planted faults."""

import json

import numpy as np
import pandas as pd
import pytest
from astropy.table import Table

from pipeline.data.manifests import Entry, Manifest, sha256, write_manifest
from pipeline.data.tables import parquet_metadata, read_ecsv, read_parquet, write_ecsv, write_parquet
from pipeline.stages import labels, leak_audit, sample, splits

SETTINGS = {
    "seed": 3,
    "labels": {
        "radius_arcsec": 25.15,
        "lists": [
            {
                "path": "somewhere/list_a.csv",
                "name": "a",
                "columns": {"ra": "ra", "dec": "dec", "name": "name", "grade": "grade"},
                "grades": None,
            },
            {
                "path": "list_b.tsv",
                "name": "b",
                "columns": {"ra": "RAJ2000", "dec": "DEJ2000", "name": None, "grade": None},
                "grades": None,
            },
        ],
        "visibility": "known_visibility.csv",
        "ungraded": "unclear",
    },
    "splits": {
        "mode": "cells",
        "nside": 64,
        "margin_arcsec": 60.0,
        "shares": {"train": 0.4, "select": 0.15, "calibrate": 0.15, "judge": 0.3},
    },
    "sample": {
        "tranches": [1],
        "ratios": [1.0, 5.0],
        "held_out_ratio": None,
        "regions": None,
        "magnitude": None,
        "exclude_flags": [],
        "match_passes": None,
        "confusers": None,
        "rounds": {"lenses": ["A", "B"], "non_lenses": [""]},
    },
    "pretraining": {"sets": ["train"], "regions": None, "band": "z", "limit": 21.0, "n": 500, "uniform_bins": 8},
}


class Run:
    """A results folder with a catalogue of two batches, and the calls of the stages."""

    def __init__(self, folder):
        self.folder = folder
        self.settings = json.loads(json.dumps(SETTINGS))
        rng = np.random.default_rng(2)
        n = 3000
        self.catalogue = pd.DataFrame(
            {
                "object_id": np.sort(rng.choice(10**8, n, replace=False)).astype(np.int64),
                "ra": rng.uniform(352, 368, n) % 360,
                "dec": rng.uniform(-8, 8, n),
                "region": "south",
                "flags": np.int32(0),
                "tranche": np.int16(1),
            }
        )
        for band in "grz":
            self.catalogue[f"flux_{band}"] = rng.uniform(3, 300, n).astype(np.float32)
            self.catalogue[f"nobs_{band}"] = np.int16(4)
        self.manifests = []
        for number, rows in enumerate(np.array_split(np.arange(n), 2)):
            path = folder / "catalogue" / f"s{number}.parquet"
            write_parquet(self.catalogue.iloc[rows], path)
            manifest = folder / "catalogue" / f"t1-b{number}.json"
            entry = Entry(f"s{number}", len(rows), {path.name: sha256(path)})
            write_manifest(Manifest("catalogue", manifest.stem, [entry]), manifest)
            self.manifests.append(manifest)
        lenses = self.catalogue.iloc[:120]
        off = 0.3 / 3600
        self.list_a = pd.DataFrame(
            {"name": [f"L{i}" for i in range(80)], "ra": lenses.ra[:80], "dec": lenses.dec[:80] + off, "grade": "A"}
        )
        self.list_b = pd.DataFrame({"RAJ2000": lenses.ra[60:], "DEJ2000": lenses.dec[60:] - off})
        self.list_b.loc[len(lenses)] = [100.0, 70.0]  # a system outside the catalogue
        self.visibility = pd.DataFrame({"ra": lenses.ra, "dec": lenses.dec, "visibility": "clear"})
        self.visibility.loc[100:109, "visibility"] = "unclear"
        self.visibility = self.visibility[:115]

    def path(self, name):
        return self.folder / name

    def call(self, stage, out, **inputs):
        arguments = ["--settings", json.dumps(self.settings), "--work", str(self.folder / "work")]
        arguments += ["--log", str(self.path("log.txt")), "--out", str(self.path(out))]
        for name, values in inputs.items():
            arguments += [f"--{name}", *map(str, values if isinstance(values, list) else [values])]
        return stage.main(arguments)

    def labels(self):
        self.list_a.to_csv(self.path("list_a.csv"), index=False)
        self.list_b.to_csv(self.path("list_b.tsv"), index=False, sep="\t")
        self.visibility.to_csv(self.path("known_visibility.csv"), index=False)
        lists = [self.path("list_b.tsv"), self.path("list_a.csv")]  # in whatever order
        seen = [self.path("known_visibility.csv")]
        return self.call(labels, "labels.ecsv", catalogue=self.manifests, lists=lists, visibility=seen)

    def splits(self):
        return self.call(splits, "splits.parquet")

    def sample(self, out="sample.parquet", **more):
        made = {"labels": self.path("labels.ecsv"), "splits": self.path("splits.parquet")}
        return self.call(sample, out, catalogue=self.manifests, **made, **more)

    def audit(self, given="sample.parquet"):
        made = {name: self.path(file) for name, file in (("labels", "labels.ecsv"), ("splits", "splits.parquet"))}
        return self.call(leak_audit, "leak_audit.json", catalogue=self.manifests, sample=self.path(given), **made)


@pytest.fixture
def run(tmp_path):
    return Run(tmp_path)


def test_the_whole_chain(run):
    assert [run.splits(), run.labels(), run.sample(), run.audit()] == [0, 0, 0, 0]
    table = read_ecsv(run.path("labels.ecsv"))
    label = np.asarray(table["label"])
    counts = {name: int((label == name).sum()) for name in np.unique(label)}
    assert counts["unmatched"] == 1 and counts["lens"] == 105 and counts["unclear"] == 15
    assert table.meta["radius_arcsec"] == 25.15 and str(table["separation_arcsec"].unit) == "arcsec"
    both = table[np.asarray(table["lists"]) == "a,b"]
    assert len(set(both["system_id"])) == 20
    drawn = read_parquet(run.path("sample.parquet"))
    assert set(drawn.columns) == {"object_id", "label", "set", "tier", "confuser"}
    assert set(drawn.set) == {"train", "select", "calibrate", "judge"}
    assert parquet_metadata(run.path("sample.parquet")) == {"mode": "cells", "ratios": "[1.0, 5.0]", "graded": "0"}
    audit = json.loads(run.path("leak_audit.json").read_text())
    assert audit["ok"] and audit["label"] == "inductive"
    assert audit["sets"]["judge"]["lenses"] == int(((drawn.set == "judge") & (drawn.label == 1)).sum()) > 5
    log = run.path("log.txt").read_text()
    assert "entries=141" in log and "set=judge" in log and "audit passed" in log


def test_the_same_bytes_again_and_from_other_batches(run, tmp_path_factory):
    other = Run(tmp_path_factory.mktemp("other"))
    whole = other.path("catalogue") / "all.parquet"
    write_parquet(other.catalogue, whole)
    manifest = other.path("catalogue") / "t1-all.json"
    write_manifest(Manifest("catalogue", "t1-all", [Entry("all", 3000, {whole.name: sha256(whole)})]), manifest)
    other.manifests = [manifest]
    for made in (run, other):
        assert [made.splits(), made.labels(), made.sample(), made.audit()] == [0, 0, 0, 0]
    for name in ("splits.parquet", "labels.ecsv", "sample.parquet", "leak_audit.json"):
        assert run.path(name).read_bytes() == other.path(name).read_bytes(), name


def test_grades_of_a_round_feed_the_next(run):
    assert [run.splits(), run.labels(), run.sample()] == [0, 0, 0]
    first = read_parquet(run.path("sample.parquet"))
    free = first[(first.set == "train") & (first.label == 0)].object_id.to_numpy()[:9]
    grades = Table({"object_id": free, "grade": ["A"] * 3 + ["C"] * 3 + [""] * 3})
    write_ecsv(grades, run.path("round-1.ecsv"))
    assert run.sample("second.parquet", grades=[run.path("round-1.ecsv")]) == 0
    second = read_parquet(run.path("second.parquet"))
    lenses = [int(((table.set == "train") & (table.label == 1)).sum()) for table in (first, second)]
    assert lenses[1] == lenses[0] + 3
    label = second.drop_duplicates("object_id").set_index("object_id").label
    assert label.loc[free[:3]].tolist() == [1, 1, 1] and label.loc[free[6:]].tolist() == [0, 0, 0]
    run.settings["sample"]["rounds"] = None
    assert run.sample("off.parquet", grades=[run.path("round-1.ecsv")]) == 0
    pd.testing.assert_frame_equal(read_parquet(run.path("off.parquet")), first)


def test_confusers_from_a_users_table(run):
    rows = run.catalogue.iloc[200:1200]
    table = pd.DataFrame({"RA": rows.ra, "DEC": rows.dec, "class": np.resize(["spiral", "ring"], len(rows))})
    table.to_csv(run.path("confusers.csv"), index=False)
    run.settings["sample"]["confusers"] = {
        "path": "confusers.csv",
        "columns": {"ra": "RA", "dec": "DEC", "kind": "class"},
        "radius_arcsec": 1.5,
        "shares": {"spiral": 0.2},
    }
    assert [run.splits(), run.labels(), run.sample(confusers=[run.path("confusers.csv")])] == [0, 0, 0]
    drawn = read_parquet(run.path("sample.parquet"))
    others = drawn[(drawn.set == "train") & (drawn.label == 0)]
    assert (others.confuser == "spiral").mean() == pytest.approx(0.2, abs=0.01)
    assert set(others.confuser) == {"", "spiral"}
    assert run.sample() == 2 and "--confusers" in run.path("log.txt").read_text()


def test_the_papers_mode_is_labelled_everywhere(run):
    shares = {"train": 0.7, "select": 0.0, "calibrate": 0.0, "judge": 0.3}
    run.settings["splits"] = {"mode": "papers", "nside": 64, "margin_arcsec": 0.0, "shares": shares}
    assert [run.splits(), run.labels(), run.sample(), run.audit()] == [0, 0, 0, 0]
    for name in ("splits.parquet", "sample.parquet"):
        assert "papers" in parquet_metadata(run.path(name))["label"]
    assert json.loads(run.path("leak_audit.json").read_text())["label"].startswith("papers")


def test_a_leak_stops_the_run(run):
    assert [run.splits(), run.labels(), run.sample()] == [0, 0, 0]
    drawn = read_parquet(run.path("sample.parquet"))
    drawn.loc[drawn.index[drawn.set == "judge"][0], "set"] = "train"
    write_parquet(drawn, run.path("spoilt.parquet"))
    assert run.audit("spoilt.parquet") == 2
    log = run.path("log.txt").read_text()
    assert "the split leaks" in log and "no held-out object shares a cell with a training one" in log
    assert not run.path("leak_audit.json").exists()


@pytest.mark.parametrize(
    "spoil, words",
    [
        (lambda run: run.list_a.insert(0, "alpha", run.list_a.pop("ra")), ["list_a.csv", "alpha"]),
        (lambda run: run.list_a.loc.__setitem__((2, "dec"), 91.0), ["list_a.csv, row 3", "91.0"]),
        (
            lambda run: run.visibility.loc.__setitem__((4, "visibility"), "good"),
            ["known_visibility.csv, row 5", "good"],
        ),
        (lambda run: run.settings["labels"]["lists"].pop(), ["list_b.tsv", "list_a.csv"]),
        (lambda run: run.settings["labels"].pop("radius_arcsec"), ["radius_arcsec: this key is missing"]),
    ],
)
def test_what_users_get_wrong(run, spoil, words):
    spoil(run)
    assert run.labels() == 2
    log = run.path("log.txt").read_text()
    assert all(word in log for word in words)


def test_an_entry_without_a_position_is_logged(run):
    run.list_a["ra"] = run.list_a["ra"].astype(object)
    run.list_a.loc[5, "ra"] = ""
    assert run.labels() == 0
    log = run.path("log.txt").read_text()
    assert "entries without a position are left out [rows=1 first=L5]" in log
