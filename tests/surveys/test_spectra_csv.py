"""Spectra in CSV and folders with an index: columns, objects, skies, and what cannot be read."""

import gzip

import numpy as np
import pandas as pd
import pytest
from spectrum_files import write_spec

from pipeline.data.redshift_bits import names
from pipeline.data.spectrum_ids import file_spectrum, index_object, pack_sdss
from pipeline.errors import PipelineError
from pipeline.surveys.spectra_csv import open_listed, read_index, read_spectrum_csv
from pipeline.surveys.unreadable import UnreadableFile

SPEC = "spec-3655-55240-0002.fits"


def write_csv(path, count=7781, **changes):
    wave = 3600 + 0.8 * np.arange(count)
    content = {"wave": wave, "flux": np.sin(wave), "ivar": np.full(count, 2.0), **changes}
    path.write_bytes(gzip.compress(pd.DataFrame(content).to_csv(index=False).encode()))


@pytest.fixture
def folder(tmp_path):
    """A folder with a spec file, a CSV, a missing file and an index whose names begin with the folder's name."""
    spectra = tmp_path / "spectra"
    (spectra / "a").mkdir(parents=True)
    write_spec(spectra / "a" / SPEC)
    write_csv(spectra / "a" / "x.csv.gz")
    rows = [
        (
            f"spectra/a/{SPEC}",
            "obj1",
            "SDSS",
            55240,
            1.5,
            2.5,
            "QSO",
            9.9,
            2.0,
            "visual inspection (class_person=30; x)",
        ),
        ("spectra/a/x.csv.gz", "obj1", "DESI", np.nan, 1.5, 2.5, "QSO", np.nan, 2.1, "Guo+24"),
        ("spectra/a/none.csv.gz", "obj2", "DESI", 59000, 3.5, 2.5, "SKY-FIBRE", 0.1, np.nan, np.nan),
    ]
    names = ["file", "object", "survey", "mjd", "ra", "dec", "pipe_class", "pipe_z", "best_z", "best_z_source"]
    pd.DataFrame(rows, columns=names).to_csv(spectra / "index.csv", index=False)
    return spectra


def test_csv(tmp_path):
    write_csv(tmp_path / "x.csv.gz", ivar=np.where(np.arange(7781) == 9, 0.0, 2.0))
    found = read_spectrum_csv(tmp_path / "x.csv.gz")
    np.testing.assert_allclose(found.flux, np.sin(3600 + 0.8 * np.arange(7781)), atol=1e-6)
    assert np.flatnonzero(found.mask).tolist() == [9] and found.spectrum_id == file_spectrum("x.csv.gz")
    assert found.survey == "desi" and np.isnan(found.ra)


def test_what_is_no_csv_of_a_spectrum(tmp_path):
    path = tmp_path / "x.csv.gz"
    for changes, message in (({"wave": np.ones(7781)}, "ascending"), ({"flux": "a"}, "cannot be read")):
        write_csv(path, **changes)
        with pytest.raises(UnreadableFile, match=message):
            read_spectrum_csv(path)
    path.write_bytes(gzip.compress(b"a,b\n1,2\n"))
    with pytest.raises(UnreadableFile, match="wave, flux, ivar"):
        read_spectrum_csv(path)
    path.write_bytes(b"no gzip")
    with pytest.raises(UnreadableFile, match="cannot be read"):
        read_spectrum_csv(path)
    write_csv(path)
    path.write_bytes(path.read_bytes()[:-3000])
    with pytest.raises(UnreadableFile, match="cannot be read"):
        read_spectrum_csv(path)


@pytest.mark.parametrize("above", [False, True])
def test_index(folder, above):
    """The folder may be that of the index, or the one from which its names count."""
    table = read_index(folder.parent, "spectra/index.csv") if above else read_index(folder, "index.csv")
    spec, csv = (open_listed(table.iloc[row]) for row in (0, 1))
    assert spec.spectrum_id == pack_sdss(3655, 55240, 2) and csv.spectrum_id == file_spectrum("x.csv.gz")
    assert spec.object_id == csv.object_id == index_object("obj1")
    assert (spec.ra, spec.dec) == (1.5, 2.5) and spec.source == f"spectra/a/{SPEC}"
    assert spec.columns["class_vi"] == 30 and spec.columns["z_vi"] == 2.0 and spec.columns["z_pipe"] == 9.9
    assert csv.columns["class_vi"] == -1 and csv.columns["z_vi"] == 2.1 and csv.columns["mjd"] == -1
    assert spec.columns["fiber"] == 2 and spec.columns["z_pipe_err"] > 0
    with pytest.raises(UnreadableFile, match="not found"):
        open_listed(table.iloc[2])


def test_a_sky_of_the_index(folder):
    write_csv(folder / "a" / "none.csv.gz")
    sky = open_listed(read_index(folder, "index.csv").iloc[2])
    assert sky.columns["class_pipe"] == "SKY" and np.isnan(sky.columns["z_pipe"])
    assert names(sky.columns["flags"]) == ["SKY"]


def test_an_index_that_is_none(folder):
    with pytest.raises(UnreadableFile, match="not found"):
        read_index(folder, "none.csv")
    table = pd.read_csv(folder / "index.csv")
    table.drop(columns="best_z").to_csv(folder / "less.csv")
    with pytest.raises(UnreadableFile, match="best_z"):
        read_index(folder, "less.csv")
    pd.concat([table, table[:1]]).to_csv(folder / "twice.csv")
    with pytest.raises(PipelineError, match="twice"):
        read_index(folder, "twice.csv")
