"""The list of shards of spectra: each file once, plates together, tranches that grow, short command lines."""

import numpy as np
import pandas as pd
import pytest
from spectrum_files import write_coadd, write_spec

from pipeline.errors import PipelineError
from pipeline.settings.spectra.ingest import SpectraIngest
from pipeline.settings.spectra.survey import Desi, Sdss, SpectraIndex
from pipeline.surveys import spectra_index
from pipeline.surveys.spectra_index import spectra_shard_rows
from pipeline.surveys.spectra_sources import join_names, names_of

PLAIN = {
    "grid": "fnet", "resample": "conserve", "selection": None, "min_good_pixels": 100, "on_bad_object": "flag",
    "spectra_per_shard": 5, "shards_per_job": 2,
}  # fmt: skip


def ingest(**changes) -> SpectraIngest:
    return SpectraIngest.parse({**PLAIN, **changes})


def sdss(root, files="*/spec-*.fits*") -> Sdss:
    return Sdss.parse({"kind": "sdss", "root": str(root), "files": files, "quasars": None})


def touch(root, plate, fibers):
    (root / str(plate)).mkdir(exist_ok=True)
    for fiber in fibers:
        (root / str(plate) / f"spec-{plate}-55000-{fiber:04d}.fits").write_bytes(b"")


def test_names_there_and_back():
    names = ["p/spec-3655-55240-0002.fits.gz", "p/spec-3655-55240-0099.fits.gz", "p/q/coadd-1.fits", "x.csv", "p/y.csv"]
    text = join_names(names)
    assert text == "p/spec-3655-55240-*.fits.gz=0002,0099;p/q/*=coadd-1.fits;*=x.csv;p/*=y.csv"
    assert names_of(text) == names
    for wrong in ("", "a", "a=b", "a*b*=c", "a*="):
        with pytest.raises(PipelineError, match="malformed"):
            names_of(wrong)
    with pytest.raises(PipelineError, match="syntax"):
        join_names(["a,b.fits"])


def test_plates_share_shards_and_stay_whole(tmp_path):
    for plate, fibers in ((3600, range(1, 4)), (3601, range(1, 3)), (3602, range(1, 8)), (3603, [5])):
        touch(tmp_path, plate, fibers)
    rows, notes = spectra_shard_rows(sdss(tmp_path), ingest(), [])
    assert not notes
    content = [names_of(row.sources) for row in rows]
    assert [len(names) for names in content] == [5, 5, 3]
    assert [{name[:4] for name in names} for names in content] == [{"3600", "3601"}, {"3602"}, {"3602", "3603"}]
    assert sorted(sum(content, [])) == sorted(p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("spec-*"))
    assert [row.batch for row in rows] == ["t1-s0000", "t1-s0000", "t1-s0001"] and {row.kind for row in rows} == {
        "spectra"
    }


def test_what_comes_later_is_a_tranche(tmp_path):
    touch(tmp_path, 3600, range(1, 4))
    first, _ = spectra_shard_rows(sdss(tmp_path), ingest(), [])
    assert spectra_shard_rows(sdss(tmp_path), ingest(), first)[0] == first
    touch(tmp_path, 3600, [9])
    touch(tmp_path, 3599, [1])
    second, _ = spectra_shard_rows(sdss(tmp_path), ingest(), first)
    assert second[:1] == first and [row.tranche for row in second] == [1, 2] and second[1].batch == "t2-s0000"
    assert sorted(names_of(second[1].sources)) == ["3599/spec-3599-55000-0001.fits", "3600/spec-3600-55000-0009.fits"]
    (tmp_path / "3600" / "spec-3600-55000-0001.fits").unlink()
    with pytest.raises(PipelineError, match="no longer holds 1"):
        spectra_shard_rows(sdss(tmp_path), ingest(), second)


def test_desi_takes_a_file_a_shard(tmp_path, monkeypatch):
    monkeypatch.setenv("DESI_SPECTRO_REDUX", str(tmp_path))
    for survey, pixel in (("main", 9144), ("main", 9145), ("sv3", 9144)):
        write_coadd(tmp_path / f"fuji/healpix/{survey}/dark/91/{pixel}/coadd-{survey}-dark-{pixel}.fits")
    files = "fuji/healpix/{survey}/{program}/*/*/coadd-*.fits"
    plain = {"kind": "desi", "root": None, "survey": "main", "program": "dark", "files": files, "quasars": None}
    rows, _ = spectra_shard_rows(Desi.parse(plain), ingest(), [])
    assert [names_of(row.sources)[0].split("/")[-1] for row in rows] == [
        "coadd-main-dark-9144.fits", "coadd-main-dark-9145.fits",
    ]  # fmt: skip


def test_an_index(tmp_path):
    touch(tmp_path, 3600, [1])
    (tmp_path / "a.csv").write_bytes(b"")
    files = ["3600/spec-3600-55000-0001.fits", "a.csv", "b.csv"]
    columns = ["object", "ra", "dec", "survey", "mjd", "pipe_class", "pipe_z", "best_z", "best_z_source"]
    pd.DataFrame({"file": files, **dict.fromkeys(columns, np.nan)}).to_csv(tmp_path / "i.csv")
    survey = SpectraIndex.parse({"kind": "spectra_index", "root": str(tmp_path), "table": "i.csv"})
    rows, notes = spectra_shard_rows(survey, ingest(), [])
    assert [names_of(row.sources) for row in rows] == [files[:2]] and "1 file(s)" in notes[0] and "b.csv" in notes[0]


def test_nothing_and_too_much(tmp_path, monkeypatch):
    with pytest.raises(PipelineError, match="no file"):
        spectra_shard_rows(sdss(tmp_path), ingest(), [])
    write_spec(tmp_path / "1" / "spec-3600-55000-0001.fits")
    monkeypatch.setattr(spectra_index, "SOURCES_LIMIT", 10)
    with pytest.raises(PipelineError, match="too long"):
        spectra_shard_rows(sdss(tmp_path), ingest(), [])


def test_a_plate_of_a_thousand_is_short():
    names = [f"v5_13_2/spectra/lite/3655/spec-3655-55240-{fiber:04d}.fits" for fiber in range(1, 1001)]
    assert len(join_names(names)) < 5100
