"""`skysieve export-spectra` on a run of three spectra: the files of the FNet paper and of the RNet slides."""

import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
import yaml

from pipeline import graph
from pipeline.apply.export import export_command
from pipeline.data.manifests import Entry, Manifest, sha256, write_manifest
from pipeline.data.spectrum_shards import write_spectrum_shard
from pipeline.errors import PipelineError
from pipeline.spectra.grids import grid

SKYSIEVE = str(Path(sys.executable).with_name("skysieve"))
Z = np.array([2.85, 2.95, 1.5])


def _write(root, results, name, change=lambda sample: None):
    """Write the shards of a run, whose settings are those of a configuration."""
    content = yaml.safe_load((root / "config" / f"{name}.yaml").read_text())
    change(content["spectra"]["sample"])
    folder = results / "spectra" / "shards"
    folder.mkdir(parents=True)
    (results / "settings.yaml").write_text(yaml.safe_dump(graph.load(content, unset_is_error=False).plain()))
    for number in range(2):  # two batches of a shard each: one quasar, two quasars
        rows = slice(0, 1) if number == 0 else slice(1, 3)
        z = Z[rows]
        flux = np.random.default_rng(number).normal(2, 1, (len(z), 4618)).astype("f4")
        columns = {
            "spectrum_id": np.arange(3)[rows], "object_id": np.arange(3)[rows], "class_pipe": ["QSO"] * len(z),
            "z_pipe": z, "z_vi": z + 0.01,
        }  # fmt: skip
        path = folder / f"s{number}.h5"
        write_spectrum_shard(path, flux, np.ones_like(flux), flux > 99, columns, grid("fnet").attrs, simulated=False)
        entry = Entry(f"s{number}", len(z), {path.name: sha256(path)})
        write_manifest(Manifest("shards", f"t1-s000{number}", [entry]), folder / f"t1-s000{number}.json")
    return results


def test_the_command_writes_both_papers_files(tmp_path, root):
    _write(root, tmp_path / "results" / "boss-rnet-slides", "boss-rnet-slides")
    words = [SKYSIEVE, "export-spectra", "boss-rnet-slides", "--fnet", "dr16q.h5", "--slides", "slides"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["dr16q.h5: 3 spectra", "slides: quasars with 2.8 <= z <= 3: 2"]
    with h5py.File(tmp_path / "dr16q.h5") as file:
        np.testing.assert_allclose(file["z_pipe"][:], Z, rtol=1e-6)
        assert file["flux_norm"].shape == (3, 4618)
    found = np.fromfile(tmp_path / "slides" / "zpipe-2.8-3.csv", sep=",")
    np.testing.assert_allclose(found, Z[:2])
    assert np.fromfile(tmp_path / "slides" / "flux-2.8-3.csv", sep=",").size == 2 * 2000


def test_range_and_redshifts_can_be_named(tmp_path, root):
    results = _write(root, tmp_path / "run", "boss-rnet-slides")
    lines = export_command(results, fnet=None, slides=tmp_path / "out", z=(1.0, 2.0), label="z_vi")
    assert lines == [f"{tmp_path / 'out'}: quasars with 1 <= z <= 2: 1"]
    np.testing.assert_allclose(np.fromfile(tmp_path / "out" / "zvi-1-2.csv", sep=","), [1.51])


def test_what_the_run_does_not_say_is_asked_for(tmp_path, root):
    results = _write(root, tmp_path / "run", "boss-rnet-slides", lambda sample: sample.update(label="either"))
    with pytest.raises(PipelineError, match="whose redshifts"):
        export_command(results, fnet=None, slides=tmp_path, z=None, label=None)
    with pytest.raises(PipelineError, match="which files"):
        export_command(results, fnet=None, slides=None, z=None, label=None)
    results = _write(root, tmp_path / "whole", "boss-dr16q-fnet2022")
    with pytest.raises(PipelineError, match="no range"):
        export_command(results, fnet=None, slides=tmp_path, z=None, label=None)
    for path in (results / "spectra" / "shards").glob("*.json"):
        path.unlink()
    with pytest.raises(PipelineError, match="no shards of spectra"):
        export_command(results, fnet=tmp_path / "x.h5", slides=None, z=None, label=None)
    assert not (tmp_path / "x.h5").exists()
