"""Real images through the graph: Pan-STARRS cubes of known lens systems, two classes told apart by a probe."""

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from astropy.io import fits

from pipeline.data.datasets import read_results, read_tables
from pipeline.data.flags import bit
from pipeline.data.manifests import shard_paths
from pipeline.data.shards import ImageShard

pytestmark = [pytest.mark.graph, pytest.mark.realdata, pytest.mark.timeout(1200)]
CONFIG = "tests/workflow/ps1.yaml"
MEASURED = bit("MEASURED_NOISE") | bit("NO_EBV") | bit("APERTURE_MAG")


@pytest.fixture(scope="module")
def project(new_project, skysieve_data):
    """The run of the configuration: indexed, then made by snakemake."""
    project = new_project("ps1")
    project.environment["SKYSIEVE_DATA"] = str(skysieve_data)
    skysieve = [sys.executable, "-m", "pipeline.cli"]
    missing = project.call("-n", "--configfile", CONFIG)
    assert missing.returncode != 0 and f"skysieve index {CONFIG}" in missing.stdout + missing.stderr
    indexed = subprocess.run(
        [*skysieve, "index", CONFIG], cwd=project.folder, env=project.environment, capture_output=True, text=True
    )
    assert indexed.returncode == 0, indexed.stderr
    project.output = project.run("--configfile", CONFIG)
    return project


@pytest.fixture(scope="module")
def index(skysieve_data):
    """The table of the cubes."""
    return pd.read_csv(skysieve_data / "images" / "ps1_lens_systems" / "index.csv")


@pytest.fixture(scope="module")
def images(project):
    return project.folder / "results" / "ps1" / "images"


@pytest.fixture(scope="module")
def catalogue(images):
    return read_tables(sorted((images / "catalogue").glob("*.json")))


def test_every_cube_is_ingested_with_its_class_and_place(index, catalogue):
    assert len(catalogue) == len(index) and catalogue["object_id"].is_unique
    assert catalogue["known_class"].value_counts().to_dict() == index["kind"].value_counts().to_dict()
    places = [np.lexsort((table["dec"], table["ra"])) for table in (catalogue, index)]
    for name in ("ra", "dec"):
        ours, theirs = (table[name].to_numpy()[place] for table, place in zip((catalogue, index), places, strict=True))
        assert np.abs(ours - theirs).max() < 1e-9


def test_what_is_measured_is_marked_and_what_is_unknown_is_missing(catalogue):
    flags = catalogue["flags"].to_numpy()
    assert (flags & MEASURED == MEASURED).mean() > 0.99 and catalogue["ebv"].isna().all()
    known = np.isfinite(catalogue["psfsize_r"])
    assert ((flags & bit("MEASURED_PSF") != 0) == known).all() and known.mean() > 0.8
    # The median seeing in r is 1.19 arcsec (Chambers et al. 2016); where no star is near, a galaxy stands in.
    assert 1.0 < np.median(catalogue["psfsize_r"][known]) < 1.8


def test_cubes_with_nan_are_flagged_and_carried_as_zero(index, images, catalogue, skysieve_data):
    # The index rounds the share of NaN pixels, so that a cube with two of them has 0 there: the files themselves tell.
    folder = skysieve_data / "images" / "ps1_lens_systems"
    cubes = {row.ra: fits.getdata(folder / row.file) for row in index.itertuples()}
    broken = sorted(ra for ra, cube in cubes.items() if np.isnan(cube).any())
    assert set(broken) >= set(index["ra"][index["nan_fraction"] > 0]) and len(broken) > 0
    assert sorted(catalogue["ra"][catalogue["flags"].to_numpy() & bit("NAN_PIXELS") != 0]) == broken
    seen = 0
    for path in [path for one in sorted((images / "shards").glob("*.json")) for _, path in shard_paths(one, ".h5")]:
        with ImageShard(path) as shard:
            cutouts, ra = shard.read(slice(None)), shard.column("ra")
        assert np.isfinite(cutouts).all() and cutouts.shape[1:] == (3, 120, 120)
        for cutout, place in zip(cutouts, ra.tolist(), strict=True):
            assert np.array_equal(cutout, np.nan_to_num(cubes[place], nan=0.0))
            seen += place in broken
    assert seen == len(broken)


def test_neighbours_lie_within_half_a_magnitude(images, catalogue):
    found = read_results([images / "neighbours" / "moco" / "manifest.json"], ["neighbour_id", "similarity"])
    assert found["object_id"].tolist() == catalogue["object_id"].tolist()
    flux = catalogue.set_index("object_id")["flux_r"]
    positive = flux > 0
    mag = -2.5 * np.log10(flux[positive])
    rows, _ = np.nonzero(found["neighbour_id"] != -1)
    assert len(rows) > 10 * len(catalogue)
    for row in range(0, len(catalogue), 7):
        own = found["object_id"][row]
        near = found["neighbour_id"][row][found["neighbour_id"][row] != -1]
        assert own not in near and len(set(near.tolist())) == len(near)
        assert not len(near) or np.abs(mag.loc[near] - mag.loc[own]).max() <= 0.5 + 1e-5
        assert (np.diff(found["similarity"][row][: len(near)]) <= 0).all()


def test_the_probe_tells_quasars_from_galaxies(project, images, index, capsys):
    classes = json.loads((images / "round-1" / "assessment" / "classes.json").read_text())
    rows = classes["rows"]
    assert set(rows) == {"probe", "untrained", "colours"} and classes["folds"] == 5
    with capsys.disabled():
        print("\n" + "\n".join(classes["closing"]))
    for name, row in rows.items():
        assert row["positives"] == (index["kind"] == "quasars").sum()
        assert row["negatives"] == (index["kind"] == "galaxies").sum()
        assert 0.5 < row["low"] < row["auc"] < row["high"] < 1, name
        assert f"{name}: AUC {row['auc']:.3f} ({row['low']:.3f} to {row['high']:.3f})" in project.output
    assert rows["probe"]["columns"] == rows["untrained"]["columns"] == 128
    assert "transductive: the pre-training saw images of the judged sky" in project.output
    # Pre-training is worth something: same network, same probe, same folds.
    assert rows["probe"]["auc"] > rows["untrained"]["auc"]
    gaps = {(row["first"], row["second"]): row for row in classes["differences"]}
    assert len(gaps) == len(classes["differences"]) == 3 and ("probe", "untrained") in gaps  # all pairs of three rows
    for (first, second), gap in gaps.items():
        assert gap["difference"] == pytest.approx(rows[first]["auc"] - rows[second]["auc"])
        assert gap["low"] < gap["difference"] < gap["high"] and gap["difference"] >= 0


def test_only_what_the_configuration_switches_on_is_made(project, images):
    made = {path.name for path in images.iterdir()}
    folders = {"catalogue", "embeddings", "encoders", "neighbours", "round-1", "shards"}
    assert made == folders | {"augmentation.json", "augmentation.png", "splits.parquet"}
    assert not (images.parent / "release").exists() and not (images.parent / "truth").exists()
    fitted = json.loads((images / "augmentation.json").read_text())
    assert fitted["distributions"]["extinction"] is None and fitted["distributions"]["noise"] is not None
    assert project.plan("--configfile", CONFIG) == {}
