"""Spectrum shards: what is written is read, in any order of rows, and the bytes repeat."""

import pickle

import numpy as np
import pytest

from pipeline.data.spectrum_columns import SPECTRUM_COLUMNS, as_frame, complete
from pipeline.data.spectrum_shards import SpectrumShard, write_spectrum_shard
from pipeline.errors import PipelineError

GRID = {"grid": "small", "wave_kind": "log10", "wave_start": 3.6, "wave_step": 1e-4, "wave_pixels": 11}


def _content(n=6):
    generator = np.random.default_rng(2)
    flux, ivar = generator.normal(size=(n, 11)).astype("f4"), generator.uniform(size=(n, 11)).astype("f4")
    columns = {
        "spectrum_id": np.arange(n) + 2**62,
        "object_id": np.arange(n) + 2**60,
        "class_pipe": ["QSO", "", "SKY", "STAR", "GALAXY", "QSO"][:n],
        "source": [f"spec-é-{row}.fits" for row in range(n)],
        "z_vi": generator.uniform(size=n),
    }
    return flux, ivar, generator.uniform(size=(n, 11)) > 0.8, columns


def test_round_trip(tmp_path):
    flux, ivar, mask, columns = _content()
    write_spectrum_shard(tmp_path / "a.h5", flux, ivar, mask, columns, GRID, simulated=True)
    with SpectrumShard(tmp_path / "a.h5") as shard:
        assert shard.attrs == {**GRID, "rows": 6, "simulated": True}
        assert shard.columns == sorted(SPECTRUM_COLUMNS) and len(shard) == 6 and shard.shape == (6, 11)
        for rows in (slice(None), slice(2, 5), slice(0, 6, 2), slice(4, 2), np.array([5, 0, 1, 1, 3])):
            for found, wanted in zip(shard.read(rows), (flux, ivar, mask), strict=True):
                assert found.dtype == wanted.dtype
                np.testing.assert_array_equal(found, wanted[rows])
        np.testing.assert_array_equal(shard.spectrum_id, columns["spectrum_id"])
        np.testing.assert_array_equal(shard.object_id, columns["object_id"])
        assert shard.column("source").tolist() == columns["source"]
        assert shard.column("class_pipe").tolist() == columns["class_pipe"]
        np.testing.assert_array_equal(shard.column("z_vi"), columns["z_vi"])
        copy = pickle.loads(pickle.dumps(shard))
    with copy:
        assert len(copy) == 6


def test_missing_values(tmp_path):
    flux, ivar, mask, columns = _content()
    write_spectrum_shard(tmp_path / "a.h5", flux, ivar, mask, columns, GRID, simulated=False)
    with SpectrumShard(tmp_path / "a.h5") as shard:
        for name, (kind, missing) in SPECTRUM_COLUMNS.items():
            values = shard.column(name)
            assert values.dtype == (object if kind is str else np.dtype(kind)), name
            if name not in columns:
                np.testing.assert_array_equal(values, np.full(6, missing))


def test_the_bytes_repeat(tmp_path):
    for name in "ab":
        write_spectrum_shard(tmp_path / name, *_content(), GRID, simulated=False)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_no_rows(tmp_path):
    flux, ivar, mask, columns = _content(0)
    write_spectrum_shard(tmp_path / "a.h5", flux, ivar, mask, columns, GRID, simulated=False)
    with SpectrumShard(tmp_path / "a.h5") as shard:
        assert len(shard) == 0 and shard.read(slice(None))[0].shape == (0, 11)


def test_frame_has_text_where_all_is_empty():
    frame = as_frame(complete({"spectrum_id": [], "object_id": []}, 0))
    assert list(frame.columns) == list(SPECTRUM_COLUMNS) and frame["survey"].dtype == "str"


def test_refusals(tmp_path):
    flux, ivar, mask, columns = _content()
    with pytest.raises(PipelineError, match="another shape"):
        write_spectrum_shard(tmp_path / "a", flux, ivar[:, 1:], mask, columns, GRID, simulated=False)
    with pytest.raises(PipelineError, match="not a column"):
        write_spectrum_shard(
            tmp_path / "a", flux, ivar, mask, {**columns, "zz": columns["z_vi"]}, GRID, simulated=False
        )
    with pytest.raises(PipelineError, match="does not fit"):
        complete({**columns, "plate": np.full(6, 2**40)}, 6)
    with pytest.raises(PipelineError, match="identity"):
        complete({"object_id": columns["object_id"]}, 6)
    with pytest.raises(PipelineError, match="not found"):
        len(SpectrumShard(tmp_path / "none"))
    (tmp_path / "text").write_text("no HDF5")
    with pytest.raises(PipelineError, match="HDF5"):
        len(SpectrumShard(tmp_path / "text"))
    with SpectrumShard(tmp_path / "a.h5") as shard:
        write_spectrum_shard(tmp_path / "a.h5", *_content(), GRID, simulated=False)
        with pytest.raises(PipelineError, match="no such column"):
            shard.column("flux")
