"""HDF5 files in the layout of Stein et al."""

import h5py
import numpy as np
import pytest

from pipeline.data.flags import names as flag_names
from pipeline.data.ids import pack_object_id
from pipeline.errors import PipelineError
from pipeline.settings.survey import Stein
from pipeline.surveys.doubts import Doubts
from pipeline.surveys.stein import open_stein

N = 300


def survey(root) -> Stein:
    return Stein.parse({"kind": "stein", "root": str(root), "files": "*.h5", "region": "south", "pixel_scale": 0.262,
                        "images_per_shard": 100})  # fmt: skip


def content(rows=N, pixels=40) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(2)
    images = np.arange(rows)[:, None, None, None] + rng.uniform(0.1, 0.5, (rows, 3, pixels, pixels))
    return {
        "images": images.astype("f4"),
        "ra": rng.uniform(0, 360, rows), "dec": rng.uniform(-20, 20, rows), "release": np.full(rows, 9010),
        "brickid": rng.permutation(rows) + 1000, "objid": np.arange(rows), "ebv": np.full(rows, 0.1, "f4"),
        "flux": np.tile(np.array([[10.0, 20.0, 30.0]], "f4"), (rows, 1)),
        "nobs": np.tile(np.array([[2, 3, 4]]), (rows, 1)), "psfsize": np.full((rows, 3), 1.3, "f4"),
        "psfdepth": np.full((rows, 3), 500.0, "f4"), "maskbits": np.zeros(rows, int), "z_spec": np.full(rows, -99.0),
        "z_phot_median": np.full(rows, 0.4), "z_phot_std": np.full(rows, 0.1), "inds": np.arange(rows) + 7_000_000,
        "source_type": np.tile(np.array([b"SER", b"DEV", b"EXP"]), rows // 3),
    }  # fmt: skip


def write(path, table):
    with h5py.File(path, "w") as file:
        for name, values in table.items():
            file[name] = values


def read(path, settings, rows=f"0:{N}", policy="flag", selection=None, pixels=32):
    doubts = Doubts(policy)
    ingest = settings({"resolve_overlap": False, **(selection or {})}, cutout_pixels=pixels)
    source = open_stein(path, rows, survey(path.parent), ingest, doubts)
    images, flags = np.full((len(source), 3, pixels, pixels), -1, np.float32), np.zeros(len(source), np.int32)
    for block in source.blocks():
        images[block.rows], flags[block.rows] = block.images, block.flags
    return source, images, flags, doubts


def test_rows_follow_their_images(tmp_path, settings):
    table = content()
    write(tmp_path / "a.h5", table)
    source, images, flags, _ = read(tmp_path / "a.h5", settings, "50:250")
    part = slice(50, 250)
    ids = pack_object_id(table["release"][part], table["brickid"][part], table["objid"][part])
    order = np.argsort(ids)
    np.testing.assert_array_equal(source.columns["object_id"], ids[order])
    np.testing.assert_array_equal(images, table["images"][part][order][:, :, 4:36, 4:36])
    np.testing.assert_array_equal(source.columns["nobs_z"], 4)
    np.testing.assert_array_equal(source.columns["flux_g"], 10)
    np.testing.assert_array_equal(source.columns["ra"], table["ra"][part][order])
    kinds = np.array(["SER", "DEV", "EXP"] * 100)[part][order]
    assert source.columns["type"].tolist() == kinds.tolist()
    assert np.isnan(source.columns["z_spec"]).all() and not flags.any()


def test_the_cuts_apply(tmp_path, settings):
    table = content()
    table["source_type"] = np.tile(np.array([0, 2, 9]), N // 3)
    table["flux"][:100, 2] = 1.0
    write(tmp_path / "a.h5", table)
    source, images, _, _ = read(tmp_path / "a.h5", settings, selection={"types": ["DEV", "REX"]})
    assert source.counts["type"] == 100 and source.counts["magnitude"] == 67 and len(source) == len(images) == 133
    assert set(source.columns["type"]) == {"DEV", "REX"}


def test_bad_pixels(tmp_path, settings):
    table = content(30)
    table["images"][3, 1, 20, 20] = np.nan
    table["images"][4, 1, 0, 0] = np.nan  # outside the cutout
    table["images"][5, 2] = 0
    write(tmp_path / "a.h5", table)
    source, images, flags, doubts = read(tmp_path / "a.h5", settings, "0:30")
    by_objid = {int(objid): flag_names(flag) for objid, flag in zip(source.columns["objid"], flags, strict=True)}
    assert by_objid[3] == ["NAN_PIXELS"] and by_objid[5] == ["MISSING_BAND"] and by_objid[4] == []
    assert np.isfinite(images).all() and doubts.counts == {"NAN_PIXELS": 1, "MISSING_BAND": 1}
    with pytest.raises(PipelineError, match="NAN_PIXELS"):
        read(tmp_path / "a.h5", settings, "0:30", policy="error")
    _, images, flags, _ = read(tmp_path / "a.h5", settings, "0:30", pixels=50)
    assert all("BAD_SHAPE" in flag_names(flag) for flag in flags)
    assert not images[:, :, :5].any() and images[0, 0, 5:45, 5:45].all()


def test_without_bricks_the_row_of_the_survey_is_the_identity(tmp_path, settings):
    table = content(30)
    for name in ("brickid", "objid", "release"):
        del table[name]
    table["labels"] = np.arange(30) % 2
    write(tmp_path / "a.h5", table)
    first, *_ = read(tmp_path / "a.h5", settings, "0:30")
    assert set(first.columns["known_class"]) == {"0", "1"} and first.columns["region"][0] == "south"
    second, *_ = read(tmp_path / "a.h5", settings, "20:30")
    assert set(second.columns["object_id"]) <= set(first.columns["object_id"]) and len(second) == 10
    del table["inds"]
    write(tmp_path / "b.h5", table)
    with pytest.raises(PipelineError, match="no identities"):
        read(tmp_path / "b.h5", settings, "0:30")


def test_repeated_and_unplaced_rows(tmp_path, settings):
    table = content(30)
    table["brickid"][7], table["objid"][7] = table["brickid"][2], table["objid"][2]
    table["dec"][9] = np.nan
    table["ra"][11] = 360.0
    write(tmp_path / "a.h5", table)
    source, images, _, doubts = read(tmp_path / "a.h5", settings, "0:30")
    assert len(source) == 28 and sum(doubts.counts.values()) == 2
    assert 0.0 in source.columns["ra"]
    row = int(np.flatnonzero(source.columns["objid"] == 2)[0])
    assert np.floor(images[row]).max() == 2  # the first of the two is kept
    with pytest.raises(PipelineError, match="no position"):
        read(tmp_path / "a.h5", settings, "0:30", policy="error")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda table: table.pop("ra"), "no ra"),
        (lambda table: table.pop("images"), "no images"),
        (lambda table: table.update(images=table["images"][:, :2]), "another shape"),
        (lambda table: table.update(images=table["images"][:, 0]), "another shape"),
        (lambda table: table.update(dec=table["dec"][:5]), "another number of rows"),
    ],
)
@pytest.mark.parametrize("policy", ["flag", "error"])
def test_another_layout_is_refused(tmp_path, settings, change, message, policy):
    table = content(30)
    change(table)
    write(tmp_path / "a.h5", table)
    with pytest.raises(PipelineError, match=message):
        read(tmp_path / "a.h5", settings, "0:30", policy=policy)


def test_bad_files_and_rows(tmp_path, settings):
    write(tmp_path / "a.h5", content(30))
    for rows in ("0:31", "5:5", "x", "-1:4", "3"):
        with pytest.raises(PipelineError, match="a.h5"):
            read(tmp_path / "a.h5", settings, rows)
    whole = (tmp_path / "a.h5").read_bytes()
    for keep in (0, 100, len(whole) // 2):
        (tmp_path / "a.h5").write_bytes(whole[:keep])
        with pytest.raises(PipelineError, match="a.h5"):
            read(tmp_path / "a.h5", settings, "0:30")
    with pytest.raises(PipelineError, match="not found"):
        read(tmp_path / "none.h5", settings, "0:30")


def test_unreadable_stretch_of_images(tmp_path, settings):
    """A chunk whose bytes are damaged costs the rows of one block, not the file."""
    table = content(30)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for name, values in table.items():
            if name == "images":
                how = {"chunks": (1, 3, 40, 40), "compression": "gzip", "fletcher32": True}
                chunks = file.create_dataset(name, data=values, **how)
                offset = chunks.id.get_chunk_info(12).byte_offset
            else:
                file[name] = values
    damaged = bytearray((tmp_path / "a.h5").read_bytes())
    damaged[offset + 100] ^= 0xFF
    (tmp_path / "a.h5").write_bytes(bytes(damaged))
    source, images, flags, doubts = read(tmp_path / "a.h5", settings, "0:30")
    assert len(source) == 30 and doubts.counts["UNREADABLE"] == 30
    assert all(flag_names(flag) == ["UNREADABLE"] for flag in flags) and not images.any()
    with pytest.raises(PipelineError, match="a.h5"):
        read(tmp_path / "a.h5", settings, "0:30", policy="error")
