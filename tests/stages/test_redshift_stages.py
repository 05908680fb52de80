"""From candidates to an assessment: the stages of redshifts on made-up estimators."""

import json

import numpy as np
import pandas as pd
import pytest
from made_up_redshifts import NAMES, SETTINGS, WAVE, make

from pipeline.data.datasets import read_results
from pipeline.data.manifests import Entry, Manifest, sha256, write_manifest
from pipeline.data.redshift_bits import bit
from pipeline.data.shards import write_result_shard
from pipeline.data.tables import read_ecsv, write_parquet
from pipeline.learn import redshift_combination
from pipeline.stages import assess_redshifts, calibrate_redshifts, combine_redshifts


class Run:
    """Files of a run with two batches of two shards each."""

    def __init__(self, folder, n=3000):
        self.folder, self.survey = folder / "results/r/spectra", make(n, seed=5)
        table = self.survey.table
        self.batches = [f"t1-b000{number}" for number in range(2)]
        self.catalogue = []
        self.redshifts = {name: [] for name in NAMES}
        columns = table[["spectrum_id", "object_id", "sn_median"]].assign(
            wave_min=np.float32(WAVE[0]),
            wave_max=np.float32(WAVE[1]),
            flags=bit("NAN_PIXELS"),
            plate=-1,
            mjd=-1,
            fiber=-1,
            targetid=table.object_id + 10**15,
        )
        rng = np.random.default_rng(1)
        for batch, rows in zip(self.batches, np.array_split(np.arange(n), 2), strict=True):
            parts = {f"{batch}-s{number}": rng.permutation(part) for number, part in enumerate(np.array_split(rows, 2))}
            self.catalogue.append(
                self._dataset(
                    "catalogue", batch, ".parquet", parts, lambda rows, path: write_parquet(columns.iloc[rows], path)
                )
            )
            for one in self.survey.estimates:

                def write(rows, path, one=one):
                    part = one.take(rows)
                    write_result_shard(
                        path, object_id=part.spectrum_id, spectrum_id=part.spectrum_id, candidate_z=part.z,
                        candidate_score=part.score, candidate_sigma=part.sigma, bits=part.bits, **part.extras,
                    )  # fmt: skip

                self.redshifts[one.name].append(self._dataset(f"redshifts/{one.name}", batch, ".h5", parts, write))
        self.sample = self.folder / "sample.parquet"
        write_parquet(table.drop(columns=["sn_median", "true_z"]).sample(frac=1, random_state=1), self.sample)

    def _dataset(self, name, batch, suffix, parts, write):
        manifest = self.folder / name / f"{batch}.json"
        manifest.parent.mkdir(parents=True, exist_ok=True)
        entries = []
        for shard, rows in parts.items():
            path = manifest.with_name(f"{shard}{suffix}")
            write(rows, path)
            entries.append(Entry(shard, len(rows), {path.name: sha256(path)}))
        write_manifest(Manifest(manifest.parent.name, batch, entries), manifest)
        return manifest

    def call(self, stage, out, settings, **given):
        out = self.folder / out
        out.parent.mkdir(parents=True, exist_ok=True)
        arguments = ["--settings", json.dumps(settings), "--work", str(self.folder / "work"), "--out", str(out)]
        arguments += ["--log", str(self.folder / "log.txt")]
        for name, values in given.items():
            arguments += [f"--{name}", *map(str, values if isinstance(values, list) else [values])]
        return stage.main(arguments)

    def calibrate(self, out="redshift_calibration.json", **changes):
        paths = [path for name in NAMES for path in self.redshifts[name]]
        given = {"redshifts": paths, "catalogue": self.catalogue, "sample": self.sample, "names": ",".join(NAMES)}
        return self.call(calibrate_redshifts, out, {"calibrate": SETTINGS}, **{**given, **changes})

    def combine(self, number, out="redshifts/combined"):
        return self.call(
            combine_redshifts, f"{out}/{self.batches[number]}.json", {},
            redshifts=[self.redshifts[name][number] for name in NAMES[::-1]], catalogue=self.catalogue[number],
            calibration=self.folder / "redshift_calibration.json",
        )  # fmt: skip

    @property
    def combined(self):
        return [self.folder / "redshifts/combined" / f"{batch}.json" for batch in self.batches]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    made = Run(tmp_path_factory.mktemp("run"))
    assert made.calibrate() == 0
    assert [made.combine(number) for number in range(2)] == [0, 0]
    return made


def test_the_combined_redshifts_are_those_of_the_rule(run):
    content = json.loads((run.folder / "redshift_calibration.json").read_text())
    expected = redshift_combination.apply(content, run.survey.estimates, run.survey.spectra)
    names = ["z", "z_err", "p_wrong", "zwarn", "class", "z_second_pca", "zwarn_fnet", "line_z_quasarnet", "spectrum_id"]
    found = read_results(run.combined, names)
    assert (found["spectrum_id"] == run.survey.table.spectrum_id).all()
    for name in ("z", "zwarn", "z_second_pca", "zwarn_fnet", "line_z_quasarnet"):
        np.testing.assert_array_equal(found[name], expected[name])
    assert (found["class"] == expected["class"]).all()
    np.testing.assert_allclose(found["p_wrong"], expected["p_wrong"], rtol=1e-6)
    assert found["z_err"].dtype == np.float32


def test_the_order_of_files_does_not_matter(run):
    mixed = [run.redshifts[name][number] for number in (1, 0) for name in NAMES[::-1]]
    assert run.calibrate("again.json", redshifts=mixed, catalogue=run.catalogue[::-1]) == 0
    assert (run.folder / "again.json").read_bytes() == (run.folder / "redshift_calibration.json").read_bytes()
    assert "ranks clusters" in (run.folder / "log.txt").read_text()


def test_what_is_missing_is_named(run):
    assert run.calibrate("no.json", redshifts=run.redshifts["pca"]) == 2
    assert "quasarnet, fnet, rnet" in (run.folder / "log.txt").read_text()
    assert run.calibrate("no.json", catalogue=run.catalogue[:1]) == 2
    assert "are not in this dataset" in (run.folder / "log.txt").read_text()
    assert run.calibrate("no.json", names="pca") == 2
    assert "unknown estimator" in (run.folder / "log.txt").read_text()


ASSESS = {
    "confidence": 0.95,
    "bootstrap": 200,
    "redshift_edges": [0.0, 1.0, 2.0, 3.0, 6.0],
    "sn_edges": [0.0, 1.0, 3.0, 100.0],
    "line_confidence": 0.5,
    "failure_lines": 2,
    "confusion_km_s": 3000.0,
    "extremes": [0.05, 5.9],
    "listed": 10,
    "bins": 8,
}


def assessed(run, out="assessment/redshifts.json", **more):
    settings = {"assess": ASSESS, "simulated": True, "seed": 1}
    velocity = run.folder / "assessment/velocity.ecsv"
    given = {"combined": run.combined, "catalogue": run.catalogue, "sample": run.sample, "velocity": velocity, **more}
    assert run.call(assess_redshifts, out, settings, **given) == 0
    return json.loads((run.folder / out).read_text()), read_ecsv(velocity)


def test_the_assessment_counts_the_judged_alone(run):
    found, table = assessed(run)
    judged = run.survey.table[run.survey.table.set == "judge"]
    assert (np.asarray(table["spectrum_id"]) == judged.spectrum_id).all()
    quasar = (judged.label_class == "quasar").to_numpy()
    assert found["judged"]["quasar"] == quasar.sum() and found["reference"] == "label"
    dv = np.asarray(table["dv_pca"])[quasar]
    z = run.survey.estimates[0].z[judged.index, 0][quasar]
    np.testing.assert_allclose(dv, 299792.458 * (z - judged.true_z[quasar]) / (1 + judged.true_z[quasar]))
    row = found["estimators"]["pca"]["quasars"]["within"]["6000"]
    assert row["count"] == (np.abs(dv) < 6000).sum() and row["low"] < row["share"] < row["high"]
    for part in ("by_redshift", "by_sn"):
        assert sum(row["spectra"] for row in found["estimators"]["fnet"][part]) == pytest.approx(quasar.sum(), abs=3)
    by_class = found["estimators"]["combined"]["by_class"]
    assert sum(row["spectra"] for row in by_class.values()) == quasar.sum() and by_class["BAL"]["spectra"] > 50
    failures = found["failures_of_line_finders"]["quasarnet"]
    assert 20 < failures["quasars"] < 0.7 * quasar.sum()
    within = {name: row["within"]["6000"]["share"] for name, row in failures["estimators"].items()}
    assert within["quasarnet"] < found["estimators"]["quasarnet"]["quasars"]["within"]["6000"]["share"]
    assert found["published"][0]["mark"] == "published, other sample"


def test_truth_replaces_labels_where_it_is_given(run):
    table = run.survey.table
    truth = pd.DataFrame({"plate": -1, "mjd": -1, "fiber": -1, "targetid": table.object_id + 10**15})
    truth = truth.assign(kind=table.label_class, z=table.true_z)
    truth.loc[table.set == "judge", "z"] += 1.0  # nothing agrees with it
    write_parquet(truth.iloc[::-1], run.folder / "truth.parquet")
    found, _ = assessed(run, "assessment/other.json", truth=run.folder / "truth.parquet")
    assert found["reference"] == "truth"
    assert found["estimators"]["combined"]["quasars"]["within"]["6000"]["share"] < 0.1
    assert found["estimators"]["combined"]["unflagged_failures"] > 500


def test_the_assessment_is_the_same_twice(run):
    first, _ = assessed(run)
    again, _ = assessed(run, "assessment/again.json", catalogue=run.catalogue[::-1], combined=run.combined[::-1])
    assert first == again


def test_one_estimator_alone_goes_all_the_way(run):
    """The settings of the RNet slides: a regression with one candidate, and neither lines nor classes."""
    assert run.calibrate("alone.json", redshifts=run.redshifts["rnet"], names="rnet") == 0
    combined = []
    for number, batch in enumerate(run.batches):
        out = f"redshifts/alone/{batch}.json"
        given = {"redshifts": run.redshifts["rnet"][number], "catalogue": run.catalogue[number]}
        assert run.call(combine_redshifts, out, {}, calibration=run.folder / "alone.json", **given) == 0
        combined.append(run.folder / out)
    found = read_results(combined, ["z", "z_rnet", "z_second", "zwarn"])
    np.testing.assert_allclose(found["z"], found["z_rnet"], rtol=1e-15)
    assert np.isnan(found["z_second"]).all() and not (found["zwarn"] & bit("DISAGREE")).any()
    content, _ = assessed(run, "assessment/alone.json", combined=combined)
    assert set(content["estimators"]) == {"combined", "rnet"} and not content["failures_of_line_finders"]
    rows = [content["estimators"][name]["quasars"]["within"]["6000"] for name in ("combined", "rnet")]
    assert rows[0] == rows[1]
