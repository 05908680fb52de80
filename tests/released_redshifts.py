"""Files from which redshifts are released: a made-up survey with known faults, calibrated, combined and assessed."""

import json

import numpy as np
from made_up_redshifts import NAMES, SETTINGS, WAVE, make

from pipeline.data.manifests import Entry, Manifest, sha256, write_manifest
from pipeline.data.redshift_bits import bit
from pipeline.data.shards import write_result_shard
from pipeline.data.spectrum_columns import as_frame, complete
from pipeline.data.spectrum_shards import write_spectrum_shard
from pipeline.data.tables import write_parquet
from pipeline.learn import redshift_combination
from pipeline.learn.checkpoints import save_weights
from pipeline.learn.estimators.pca import state_of
from pipeline.models.pca import Templates
from pipeline.spectra.grids import grid
from pipeline.stages import assess_redshifts

N = 900
GRID = "quasarnet"
FOLDER = "results/r/spectra"
ASSESS = {
    "confidence": 0.95, "bootstrap": 100, "redshift_edges": [0.0, 1.2, 2.1, 6.0], "sn_edges": [0.0, 2.0, 5.0, 1000.0],
    "line_confidence": 0.5, "failure_lines": 2, "confusion_km_s": 2000.0, "extremes": [0.05, 6.0], "listed": 10,
    "bins": 5,
}  # fmt: skip
MASKED = {
    "z": [2.0, 3.0], "half_width": 3000.0,
    "lines": [{"name": "CIV", "rest": 1549.0}, {"name": "CIII]", "rest": 1908.7}],
}  # fmt: skip
HISTORY = "fold,epoch,learning_rate,loss,select_loss,select_accuracy_6000,chosen\n"


class Made:
    """The files of some estimators, and what they were made from.

    Attributes
    ----------
    survey : made_up_redshifts.Survey
    columns : dict
        Combined redshifts, sorted by spectrum_id.
    paths : dict
        Name -> path or list of paths.
    """

    def __init__(self, root, names=NAMES):
        self.root, self.folder = root, root / FOLDER
        self.survey = survey = make(N, seed=7)
        survey.estimates = [one for one in survey.estimates if one.name in names]
        sets = [survey.of(name) for name in ("select", "calibrate")]
        settings = redshift_combination.CalibrateRedshifts.parse(SETTINGS)
        content = redshift_combination.fit(survey.estimates, survey.spectra, survey.labelled, *sets, settings)
        self.columns = redshift_combination.apply(content, survey.estimates, survey.spectra)
        self.paths = {"catalogue": [], "combined": [], "shards": [], "candidates": []}
        catalogue = self._catalogue()
        for number, rows in enumerate(np.array_split(np.random.default_rng(1).permutation(N), 2)):
            self._batch(f"t1-s000{number}", rows, catalogue)
        self.paths["sample"] = self._file("sample.parquet")
        sample = survey.table.drop(columns=["sn_median", "true_z"])
        write_parquet(sample[sample.spectrum_id % 2 == 1], self.paths["sample"])  # the others came later
        self._trained()
        self._experiments()
        self.paths |= {"assessment": self._file("assessment/redshifts.json")}
        self.paths |= {"velocity": self._file("assessment/velocity.ecsv")}
        inputs = {name: self.paths[name] for name in ("combined", "catalogue", "sample")}
        out = {"out": self.paths["assessment"], "velocity": self.paths["velocity"]}
        assert self.call(assess_redshifts, {"assess": ASSESS, "seed": 1, "simulated": True}, **inputs, **out) == 0

    def _file(self, name):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def _catalogue(self):
        table, rng = self.survey.table, np.random.default_rng(3)
        quasar = (table.label_class == "quasar").to_numpy()
        place = 0.005 * rng.permutation(N)
        place[1::10] = place[0::10]  # each tenth object has two spectra
        columns = {
            "spectrum_id": table.spectrum_id, "object_id": table.object_id, "sn_median": table.sn_median,
            "ra": 150 + place, "dec": np.full(N, -0.25), "survey": np.where(np.arange(N) % 3, "boss", "desi"),
            "plate": np.where(np.arange(N) % 3, 3600, -1),
            "targetid": np.where(np.arange(N) % 3, 0, 2**52 + np.arange(N)),
            "wave_min": np.full(N, WAVE[0]), "wave_max": np.full(N, WAVE[1]),
            "class_pipe": table.label_class.map({"quasar": "QSO", "galaxy": "GALAXY", "star": "STAR", "sky": "SKY"}),
            "z_pipe": np.where(quasar, table.true_z, np.nan), "class_vi": np.where(quasar, 3, -1),
            "z_vi": np.where(quasar, table.true_z, np.nan), "simulated": np.ones(N, dtype=bool),
            "flags": np.where(table.label_class == "sky", bit("SKY"), 0), "tranche": np.ones(N, dtype=int),
        }  # fmt: skip
        return as_frame(complete(columns, N))

    def _batch(self, batch, rows, catalogue):
        about = {
            "object_id": catalogue.spectrum_id.to_numpy()[rows],
            "spectrum_id": catalogue.spectrum_id.to_numpy()[rows],
        }

        def results(path, columns):
            write_result_shard(path, **about, **{name: np.asarray(values)[rows] for name, values in columns.items()})

        def shard(path):
            rng, where = np.random.default_rng(4), grid(GRID)
            z = self.survey.table.true_z.to_numpy()[rows][:, None]
            flux = 3 + 9 * np.exp(-0.5 * ((where.wavelength / (1 + z) - 1549) / 12) ** 2)
            flux = (flux + rng.normal(size=flux.shape)).astype(np.float32)
            columns = {name: catalogue[name].to_numpy()[rows] for name in catalogue.columns}
            mask = rng.random(flux.shape) < 0.02
            write_spectrum_shard(path, flux, np.ones_like(flux), mask, columns, where.attrs, simulated=True)

        self._dataset("catalogue", batch, ".parquet", rows, lambda path: write_parquet(catalogue.iloc[rows], path))
        self._dataset("redshifts/combined", batch, ".h5", rows, lambda path: results(path, self.columns))
        self._dataset("shards", batch, ".h5", rows, shard)
        for one in self.survey.estimates:
            columns = {
                "candidate_z": one.z,
                "candidate_score": one.score,
                "candidate_sigma": one.sigma,
                "bits": one.bits,
            }
            write = {**columns, **one.extras}
            self._dataset(f"redshifts/{one.name}", batch, ".h5", rows, lambda path, write=write: results(path, write))

    def _dataset(self, name, batch, suffix, rows, write):
        manifest = self._file(f"{name}/{batch}.json")
        path = manifest.with_name(f"{batch}-s0{suffix}")
        write(path)
        write_manifest(
            Manifest(manifest.parent.name, batch, [Entry("s0", len(rows), {path.name: sha256(path)})]), manifest
        )
        key = {"redshifts/combined": "combined"}.get(name, name if name in self.paths else "candidates")
        self.paths[key].append(manifest)

    def _trained(self):
        self.paths["histories"] = [self._file(f"models/{name}/history.csv") for name in ("fnet", "rnet", "quasarnet")]
        for path in self.paths["histories"]:
            rows = "".join(
                f"-1,{epoch},0.001,{9 / epoch},{10 / epoch},{epoch / 6},{epoch == 5:d}\n" for epoch in range(1, 6)
            )
            path.write_text(HISTORY + rows)
        waves = np.sin(np.arange(4000) / np.array([[50], [200]]))
        templates = [Templates("quasar", 31000, waves, np.arange(4000) > 500, (0.0, 3.0))]
        self.paths["templates"] = [self._file("models/pca/weights.pt")]
        save_weights(self.paths["templates"][0], *state_of(templates))

    def _experiments(self):
        rng, z = np.random.default_rng(5), np.linspace(2.0, 3.0, 40)

        def errors(n, rms):
            return {
                "n": n,
                "rms": rms,
                "median": rms / 2,
                "within": {"3000": 0.4, "6000": 0.7, "12000": 0.9, "30000": 1.0},
            }

        masked = [
            {"name": "fnet", "masked": lost, "skill": 0.5, "network": errors(40, 4321.0), "train": 200,
             "constant": {"z": 2.5, **errors(40, 9876.0)}, "pixels": 400, "pixels_removed": 90 * lost,
             "loss": [2.0, 1.0],
             "judged": {"z": (z + 0.02 * rng.normal(size=40)).tolist(), "z_label": z.tolist()}}
            for lost in (False, True)
        ]  # fmt: skip
        epochs = [{"epoch": at, "loss": 1 / at, "test_loss": 2 / at, "test_accuracy_6000": at / 5} for at in (1, 2, 3)]
        sweeps = [
            {"varied": varied, "value": value, "parameters": 12345, "convolutions": 6, "train": 160, "epochs": epochs,
             "test": errors(20, 7000.0)}
            for varied, value in (("optimiser", "adam"), ("optimiser", "sgd"), ("kernels", [5, 3]), ("blocks", 3))
        ]  # fmt: skip
        for name, content in (("masked", {**MASKED, "results": masked}), ("sweeps", {"rebin": 16, "results": sweeps})):
            self.paths[name] = [self._file(f"assessment/{name}.json")]
            self.paths[name][0].write_text(json.dumps(content))

    def call(self, stage, settings, **given):
        """Run a stage with files and, where they begin with "=", values; return its exit status."""
        arguments = ["--settings", json.dumps(settings)] if settings is not None else []
        arguments += ["--work", str(self.root / "work"), "--log", str(self.root / "log.txt")]
        for name, values in given.items():
            values = values if isinstance(values, list) else [values]
            arguments += [f"--{name.replace('_', '-')}", *(str(one).removeprefix("=") for one in values)]
        return stage.main(arguments)

    @property
    def log(self):
        """What the stages said."""
        return (self.root / "log.txt").read_text()
