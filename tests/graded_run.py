"""A small graded run made of random numbers: what the assessing and the releasing stages read.

Lenses have a blue ring, half of them stand in a list; two models see them, a third does not.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from astropy.table import Table

from pipeline.data.ids import name as designation
from pipeline.data.ids import pack_object_id
from pipeline.data.manifests import Entry, Manifest, sha256, write_manifest
from pipeline.data.shards import write_image_shard, write_result_shard
from pipeline.data.tables import write_ecsv, write_parquet
from pipeline.labels import splits
from pipeline.settings.splits import Splits

SCALE = 0.262
PIXELS = 84
SEED = 5
SPLITS = {
    "mode": "cells",
    "nside": 64,
    "margin_arcsec": 60.0,
    "shares": {"train": 0.35, "select": 0.15, "calibrate": 0.15, "judge": 0.35},
}
MODELS = ("probe", "untrained", "catalogue")


@dataclass(frozen=True)
class Run:
    """Where the files of a run lie, and what is true."""

    root: Path
    catalogue: pd.DataFrame
    truth: pd.DataFrame
    batches: tuple[str, ...]

    def manifests(self, folder: str) -> list[str]:
        """Paths of the manifests of a dataset."""
        return [str(self.root / folder / f"{batch}.json") for batch in self.batches]

    def path(self, name: str) -> str:
        """Path of a file of the run."""
        return str(self.root / name)


def _population(rng, n: int):
    """Objects in 60 small fields; each field has one host of a group and its neighbours."""
    centre_ra, centre_dec = rng.uniform(140, 220, 60), np.where(np.arange(60) < 40, rng.uniform(-20, 25, 60), 45.0)
    centre_dec = np.where(np.arange(60) < 40, centre_dec, rng.uniform(36, 60, 60))
    field = np.arange(n) % 60
    ra = centre_ra[field] + rng.uniform(-0.08, 0.08, n)
    dec = centre_dec[field] + rng.uniform(-0.08, 0.08, n)
    host = rng.random(n) < 0.35
    lens = host & (rng.random(n) < 0.4)
    control = np.where(host & ~lens, np.where(rng.random(n) < 0.5, "zero_flux", "never_lensed"), "")
    return field, ra, dec, host, lens, control


def _images(rng, flux: np.ndarray, theta: np.ndarray, lens: np.ndarray) -> np.ndarray:
    """Round galaxies with noise; lenses have a blue ring of radius theta (arcsec)."""
    place = (np.arange(PIXELS) + 0.5 - PIXELS / 2) * SCALE
    radius = np.hypot(*np.meshgrid(place, place))
    galaxy = np.exp(-radius / 0.8) / np.exp(-radius / 0.8).sum()
    out = rng.normal(0, 0.01, (len(flux), 3, PIXELS, PIXELS)) + flux[:, :, None, None] * galaxy
    for row in np.flatnonzero(lens):
        ring = np.exp(-((radius - theta[row]) ** 2) / 0.3)
        out[row] += np.array([1.0, 0.8, 0.6])[:, None, None] * ring / ring.sum() * 8
    return out.astype(np.float32)


def make(root: Path, *, n: int = 900, second_round: bool = False) -> Run:
    """Write a run below `root` and return it."""
    rng = np.random.default_rng(SEED)
    field, ra, dec, host, lens, control = _population(rng, n)
    region = np.where(dec > 32, "north", "south")
    ids = pack_object_id(np.where(dec > 32, 9011, 9010), 100_000 + field, np.arange(n))
    mag_z = np.where(host, rng.normal(18.2, 0.7, n), rng.normal(19.0, 0.8, n)).clip(15, 20.4)
    colours = np.where(host, 1.5, 1.0)[:, None] + rng.normal(0, 0.25, (n, 2))
    mags = np.stack([mag_z + 0.8 + colours[:, 0], mag_z + 0.8 + 0.1 * colours[:, 1], mag_z], axis=1)
    flux = 10 ** (0.4 * (22.5 - mags))
    theta = np.where(lens, rng.uniform(0.7, 3.5, n), np.nan)
    catalogue = pd.DataFrame(
        {
            "object_id": ids,
            "release": np.where(dec > 32, 9011, 9010).astype(np.int32),
            "region": region.astype(object),
            "brickid": (100_000 + field).astype(np.int32),
            "brickname": np.array([f"brick{number:03d}" for number in field], dtype=object),
            "objid": np.arange(n, dtype=np.int32),
            "ra": ra,
            "dec": dec,
            "type": np.where(host, "DEV", rng.choice(["EXP", "REX", "SER"], n)).astype(object),
            **{f"flux_{band}": flux[:, k].astype(np.float32) for k, band in enumerate("grz")},
            **{f"flux_ivar_{band}": np.full(n, 100.0, dtype=np.float32) for band in "grz"},
            **{f"nobs_{band}": rng.integers(2, 13, n).astype(np.int16) for band in "grz"},
            **{f"psfsize_{band}": rng.normal(1.3, 0.1, n).astype(np.float32) for band in "grz"},
            **{f"psfdepth_{band}": rng.lognormal(6, 0.2, n).astype(np.float32) for band in "grz"},
            "ebv": rng.uniform(0.01, 0.1, n).astype(np.float32),
            "maskbits": np.zeros(n, dtype=np.int32),
            **{f"fracflux_{band}": rng.uniform(0, 0.2, n).astype(np.float32) for band in "grz"},
            "shape_r": rng.lognormal(0, 0.3, n).astype(np.float32),
            "shape_e1": rng.normal(0, 0.1, n).astype(np.float32),
            "shape_e2": rng.normal(0, 0.1, n).astype(np.float32),
            "sersic": np.where(host, 4.0, 1.0).astype(np.float32),
            "z_phot_median": rng.uniform(0.2, 0.9, n).astype(np.float32),
            "z_phot_std": rng.uniform(0.02, 0.1, n).astype(np.float32),
            "z_spec": np.full(n, np.nan, dtype=np.float32),
            "known_class": np.where(lens, "ring", "plain").astype(object),
            "flags": np.full(n, 1 << 10, dtype=np.int32),
            "tranche": np.ones(n, dtype=np.int16),
        }
    )
    truth = pd.DataFrame(
        {
            "object_id": ids,
            "system": np.arange(n, dtype=np.int64) + 1_000_000,
            "ra": ra,
            "dec": dec,
            "region": region.astype(object),
            "kind": np.where(host, "host", rng.choice(["spiral", "ring", "merger"], n)).astype(object),
            "is_lens": lens,
            "listed": lens & (rng.random(n) < 0.5),
            "visible": lens & (theta > 0.9),
            "configuration": np.where(lens, "quad", "").astype(object),
            "theta_e": theta,
            "z_lens": np.where(lens, 0.5, np.nan),
            "z_source": np.where(lens, 1.5, np.nan),
            "source_mag_r": np.where(lens, 22.0, np.nan),
            "arc_snr": np.where(lens, rng.lognormal(3, 0.7, n), np.nan),
            "control": control.astype(object),
            "catalogued_arc": np.zeros(n, dtype=bool),
            "tranche": np.ones(n, dtype=np.int16),
        }
    )
    order = np.argsort(ids)
    catalogue, truth = catalogue.iloc[order].reset_index(drop=True), truth.iloc[order].reset_index(drop=True)
    batches = ("t1-b0000", "t1-b0001")
    run = Run(root, catalogue, truth, batches)
    lens, theta, flux = lens[order], theta[order], flux[order]
    write_parquet(truth, root / "truth" / "1.parquet")
    split = splits.deal(Splits.parse(SPLITS), SEED)
    write_parquet(split, root / "splits.parquet")
    _datasets(run, rng, lens, theta, flux)
    sets = splits.assign_as_dealt(catalogue["ra"], catalogue["dec"], split)
    _labels(run)
    listed = truth["listed"].to_numpy() & truth["visible"].to_numpy()
    taken = (sets != "") & (listed | ~truth["is_lens"].to_numpy())
    tier = np.where(listed, 0, rng.integers(0, 3, n)).astype(np.int16)
    sample = pd.DataFrame(
        {
            "object_id": catalogue["object_id"],
            "label": listed.astype(np.int8),
            "set": sets,
            "tier": np.where(sets == "train", tier, 0).astype(np.int16),
            "confuser": "",
        }
    )
    write_parquet(sample[taken], root / "sample.parquet")
    _candidates(run, rng)
    if second_round:
        _candidates(run, np.random.default_rng(99), name="2")
    _redshifts(run)
    return run


def _datasets(run: Run, rng, lens, theta, flux) -> None:
    n, half = len(lens), len(lens) // 2
    signal = np.where(run.truth["visible"], 2.2, np.where(lens, 0.8, 0.0))
    look = {
        "probe": signal + rng.normal(0, 0.8, n) - 2,
        "untrained": signal * 0.3 + rng.normal(0, 1, n) - 2,
        "catalogue": (run.catalogue["type"] == "DEV") * 1.0 + rng.normal(0, 1, n) - 2,
    }
    embedding = {"moco": 1.0, "random": 0.2}
    vectors = {key: rng.normal(size=(n, 12)) for key in embedding}
    for key, strength in embedding.items():
        vectors[key][:, 3] += strength * signal
    for number, batch in enumerate(run.batches):
        rows = slice(0, half) if number == 0 else slice(half, n)
        part = run.catalogue.iloc[rows]
        images = _images(rng, flux[rows], theta[rows], lens[rows])
        columns = {name: part[name].to_numpy() for name in part.columns}
        attrs = {"bands": ["g", "r", "z"], "pixel_scale": SCALE, "psf": "FWHM in arcsec"}
        ids = part["object_id"].to_numpy()

        def write(folder, suffix, make, batch=batch, part=part):
            path = run.root / folder / f"shard-{batch}{suffix}"
            path.parent.mkdir(parents=True, exist_ok=True)
            make(path)
            entry = Entry(f"shard-{batch}", len(part), {path.name: sha256(path)})
            write_manifest(Manifest(Path(folder).name, batch, [entry]), run.root / folder / f"{batch}.json")

        write("catalogue", ".parquet", lambda path, part=part: write_parquet(part, path))
        write("shards", ".h5", lambda path, i=images, c=columns, a=attrs: write_image_shard(path, i, c, a, "none"))
        for name, values in look.items():
            scores = values[rows].astype(np.float32)
            write(f"scores/{name}", ".h5", lambda path, i=ids, s=scores: write_result_shard(path, object_id=i, score=s))
        for name, values in vectors.items():
            part_vectors = values[rows].astype(np.float16)
            norm = np.linalg.norm(part_vectors.astype(np.float32), axis=1)
            write(
                f"embeddings/{name}",
                ".h5",
                lambda path, i=ids, v=part_vectors, m=norm: write_result_shard(path, object_id=i, embedding=v, norm=m),
            )
    curve = {"slope": 1.2, "intercept": -0.5}
    for name in MODELS:
        folder = run.root / "models" / name
        folder.mkdir(parents=True, exist_ok=True)
        content = {"model": name, "curve": curve, "sample_share": 0.15, "survey_share": 0.15, "method": "platt"}
        (folder / "calibration.json").write_text(json.dumps(content))
        rows = [
            {"l2": l2, "iteration": k, "loss": 0.7 * 0.8**k + l2, "select_average_precision": 1 - 0.7**k, "chosen": 0}
            for l2 in (0.1, 0.01)
            for k in range(1, 12)
        ]
        rows[15]["chosen"] = 1
        pd.DataFrame(rows).to_csv(folder / "history.csv", index=False)
    folder = run.root / "encoders" / "moco"
    folder.mkdir(parents=True, exist_ok=True)
    epochs = np.arange(1, 21)
    curve = {"epoch": epochs, "loss": 6 * 0.9**epochs + 1, "accuracy": 1 - 0.85**epochs, "learning_rate": 0.03}
    pd.DataFrame(curve).to_csv(folder / "history.csv", index=False)
    similarity = np.sort(rng.uniform(0.3, 0.99, (n, 12)), axis=1)[:, ::-1].astype(np.float32)
    ids = run.catalogue["object_id"].to_numpy()
    neighbours = np.stack([rng.choice(ids[ids != one], 12, replace=False) for one in ids])
    path = run.root / "neighbours" / "moco" / "shard-all.h5"
    path.parent.mkdir(parents=True)
    write_result_shard(path, object_id=ids, neighbour_id=neighbours, similarity=similarity)
    write_manifest(
        Manifest("moco", "manifest", [Entry("shard-all", n, {path.name: sha256(path)})]), path.parent / "manifest.json"
    )


def _labels(run: Run) -> None:
    known = run.truth[run.truth["listed"]]
    rows = pd.DataFrame(
        {
            "object_id": np.append(known["object_id"].to_numpy(), [0, 0]),
            "label": [*np.where(known["visible"], "lens", "not_visible"), "unmatched", "unmatched"],
            "separation_arcsec": np.append(np.full(len(known), 0.3), [np.nan, np.nan]),
            "system_id": np.arange(1, len(known) + 3),
            "lists": "list_a",
            "known_name": [f"KNOWN-{number}" for number in range(len(known) + 2)],
            "known_ra": np.append(known["ra"], [10.0, 150.0]),
            "known_dec": np.append(known["dec"], [-10.0, 3.0]),
            "visibility": [*np.where(known["visible"], "clear", "not_visible"), "clear", "clear"],
        }
    )
    columns = {name: rows[name].to_numpy() for name in rows}
    for name in ("label", "lists", "known_name", "visibility"):
        columns[name] = columns[name].astype(str)
    write_ecsv(Table(columns), run.root / "labels.ecsv")


def _candidates(run: Run, rng, name: str = "1") -> None:
    """Put forward what the probe likes most, and grade most of it by the truth with errors."""
    signal = run.truth["visible"].to_numpy() * 2.5 + rng.normal(size=len(run.truth))
    chosen = np.argsort(-signal)[:110]
    rows = run.catalogue.iloc[chosen].reset_index(drop=True)
    truth = run.truth.iloc[chosen].reset_index(drop=True)
    known = truth["listed"].to_numpy()
    ids = rows["object_id"].to_numpy()
    query = str(run.truth["object_id"][run.truth["listed"]].iloc[0])
    by_search = rng.random(len(rows)) < 0.2
    table = Table()
    table["object_id"] = ids
    table["name"] = designation(rows["ra"], rows["dec"])
    table["ra"], table["dec"] = rows["ra"].to_numpy(), rows["dec"].to_numpy()
    table["region"] = rows["region"].to_numpy().astype(str)
    table["stratum"] = rows["region"].to_numpy().astype(str)
    table["rank"] = np.arange(1, len(rows) + 1)
    table["best_model"] = np.full(len(rows), "probe")
    for model in ("probe", "catalogue"):
        table[f"score_{model}"] = signal[chosen]
        table[f"probability_{model}"] = 1 / (1 + np.exp(-signal[chosen] + 1))
    table["probability"] = 1 / (1 + np.exp(-signal[chosen] + 1))
    table["provenance"] = np.where(by_search, "probe,search:arc", "probe")
    table["queries"] = np.where(by_search, query, "")
    table["members"] = np.full(len(rows), "")
    table["similarity"] = np.where(by_search, 0.9, np.nan)
    table["known"], table["training"] = known, np.zeros(len(rows), dtype=bool)
    table["known_name"] = np.where(known, "KNOWN", "")
    table["label"] = np.where(known, "lens", "")
    table["known_separation"] = np.where(known, 0.3, np.nan)
    table["flags"] = rows["flags"].to_numpy()
    table["mag_r"] = 22.5 - 2.5 * np.log10(rows["flux_r"])
    table["mag_z"] = 22.5 - 2.5 * np.log10(rows["flux_z"])
    table["type"] = rows["type"].to_numpy().astype(str)
    table["in_batch"] = np.arange(len(rows)) < 80
    counts = {
        "sources": {
            "probe": {"candidates": len(rows), "new": int((~known).sum()), "alone": int((~by_search).sum())},
            "search:arc": {"candidates": int(by_search.sum()), "new": int((by_search & ~known).sum()), "alone": 0},
        },
        "shared": {},
        "union": len(rows),
    }
    table.meta = {"searches": {"arc": {"encoder": "moco", "query": query, "found": 12}}, "counts": counts}
    write_ecsv(table, run.root / f"candidates-{name}.ecsv")
    graded = slice(0, 80)
    scores = np.where(truth["visible"][graded], 3.4, 1.5)[:, None] + rng.normal(0, 0.6, (80, 2))
    scores = np.clip(np.round(scores), 1, 4)
    mean = scores.mean(axis=1)
    grades = Table()
    grades["object_id"] = ids[graded]
    grades["grade"] = np.select([mean >= 3.5, mean >= 3, mean >= 2], ["A", "B", "C"], "")
    grades["score_mean"], grades["score_delta"] = mean, np.abs(scores[:, 0] - scores[:, 1])
    grades["n_graders"] = np.full(80, 2)
    for number, grader in enumerate(("probe", "careful")):  # a grader may be called like a model
        grades[f"score_{grader}"] = scores[:, number].astype(int)
        grades[f"comment_{grader}"] = np.full(80, "")
    grades["simulated"] = np.ones(80, dtype=bool)
    write_ecsv(grades, run.root / f"grades-{name}.ecsv")


def _redshifts(run: Run) -> None:
    rows = run.catalogue.iloc[::3]
    table = Table({"RA": rows["ra"].to_numpy() + 0.5 / 3600, "DEC": rows["dec"].to_numpy()})
    table["Z"] = np.linspace(0.1, 0.8, len(rows))
    table.write(run.root / "specz.fits")
