"""The papers' files: h5py and numpy read them as the papers' codes do."""

import h5py
import numpy as np
import pytest

from pipeline.data.spectrum_shards import write_spectrum_shard
from pipeline.errors import PipelineError
from pipeline.spectra.grids import grid
from pipeline.surveys import spectra_export
from pipeline.surveys.spectra_export import write_fnet, write_slides


@pytest.fixture
def shards(tmp_path):
    """Two shards of 5 and 3 spectra."""
    paths, generator = [], np.random.default_rng(1)
    for number, rows in enumerate((5, 3)):
        flux, ivar = generator.normal(2, 1, (rows, 4618)).astype("f4"), np.ones((rows, 4618), "f4")
        columns = {
            "spectrum_id": np.arange(rows) + 10 * number, "object_id": np.arange(rows), "ra": [150.25] * rows,
            "dec": [-2.5] * rows, "class_pipe": ["QSO"] * rows, "z_pipe": 2.8 + 0.05 * np.arange(rows),
        }  # fmt: skip
        paths.append(tmp_path / f"{number}.h5")
        write_spectrum_shard(paths[-1], flux, ivar, flux > 99, columns, grid("fnet").attrs, simulated=True)
    return paths


def test_fnet(tmp_path, shards, monkeypatch):
    assert write_fnet(shards, tmp_path / "fnet.h5") == 8
    with h5py.File(tmp_path / "fnet.h5") as file:
        assert file["flux"].shape == file["flux_norm"].shape == (8, 4618) and file["flux"].dtype == "f4"
        assert file["index"][:].tolist() == list(range(8)) and file["wavelength"].shape == (4618,)
        assert file["sdss_name"][7] == b"100100.00-023000.0" and file["url"][0] == b""
        assert file["z"][5] == np.float32(2.8) and (file["flux_norm"][:].max(axis=1) == 1).all()
    monkeypatch.setattr(spectra_export, "_BLOCK", 2)
    write_fnet(shards, tmp_path / "again.h5")
    assert (tmp_path / "again.h5").read_bytes() == (tmp_path / "fnet.h5").read_bytes()


def test_slides(tmp_path, shards):
    assert write_slides(shards, tmp_path, 2.8, 2.94, "z_pipe") == 6
    z = np.fromfile(tmp_path / "zpipe-2.8-2.94.csv", sep=",")
    flux = np.fromfile(tmp_path / "flux-2.8-2.94.csv", sep=",").reshape(len(z), 2000)
    np.testing.assert_allclose(z, [2.8, 2.85, 2.9, 2.8, 2.85, 2.9])
    np.testing.assert_allclose(flux.mean(axis=1), 0, atol=1e-6)
    np.testing.assert_allclose(flux.std(axis=1), 1, atol=1e-6)
    assert write_slides(shards, tmp_path, 2.8, 2.9, "z_pipe") == 6  # the upper end, too
    with pytest.raises(PipelineError, match="no quasar"):
        write_slides(shards, tmp_path, 5, 6, "z_pipe")
