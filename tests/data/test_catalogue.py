"""The writer of published tables: every format must open in other tools with the same values, units and meaning."""

import io
import warnings

import fitsio
import numpy as np
import pandas as pd
import pytest
from astropy.io import fits
from astropy.io.votable import exceptions as votable_exceptions
from astropy.io.votable import parse, ucd, validate
from astropy.table import Table

from pipeline.data import catalogue
from pipeline.errors import PipelineError

HEADER = {
    "RADESYS": "ICRS",
    "RUN": "tiny",
    "SIMULATE": True,
    "SETTINGS": "ab" * 32,
    "QUERIES": ",".join(["904412345678901234"] * 9),
}


@pytest.fixture
def columns():
    return {
        "NAME": np.array(["DESI-010.0000+20.0000", "DESI-359.9999-00.0001", "DESI-120.5000+40.1250"], dtype=object),
        "OBJECT_ID": np.array([39627658623812345, 2**62 + 1, 7], dtype=">i8"),
        "RA": np.array([10.000000123456789, 359.99990000001, 120.5], dtype=">f8"),
        "GRADE": np.array(["A", "", "C"]),
        "MAG_R": np.array([19.25, np.nan, 17.5]),
        "FLUX_R": np.array([1.5, 2.5, np.nan], dtype=np.float32),
        "NOBS_Z": np.array([3.0, np.nan, 12.0]),
        "KNOWN": np.array([True, False, False]),
        "KNOWN_NAME": np.array(["Él 1", None, ""], dtype=object),
        "SCORE_PROBE": np.array([-1.25, 3.5, np.nan]),
    }


@pytest.fixture
def written(columns, tmp_path):
    paths = [tmp_path / f"t.{suffix}" for suffix in ("fits", "ecsv", "vot", "parquet")]
    catalogue.write_catalogue(columns, paths, name="LENSES", header=HEADER)
    return {path.suffix: path for path in paths}


def test_every_entry_is_complete_and_its_ucd_is_in_the_vocabulary():
    for name, entry in catalogue._entries().items():
        assert set(entry) == {"dtype", "unit", "ucd", "description", "missing"}, name
        assert len(entry["description"]) <= 68, name
        assert entry["dtype"] == "str" or entry["dtype"] == "bool" or np.dtype(entry["dtype"]), name
        ucd.parse_ucd(entry["ucd"], check_controlled_vocabulary=True)
        if entry["dtype"].startswith("int"):
            assert entry["missing"] == "never" or isinstance(entry["missing"], int), name
        if entry["dtype"].startswith("float"):
            assert entry["missing"] in ("NaN", "never"), name


def test_fits_opens_in_fitsio_with_units_comments_and_nulls(written, columns):
    rows, header = fitsio.read(written[".fits"], ext=1, header=True)
    number = {header[f"TTYPE{i}"]: i for i in range(1, header["TFIELDS"] + 1)}
    assert list(number) == list(columns)
    assert header[f"TUNIT{number['RA']}"] == "deg"
    assert header[f"TUNIT{number['FLUX_R']}"] == "nanomaggy"
    assert f"TUNIT{number['NAME']}" not in header
    assert header[f"TUCD{number['RA']}"] == "pos.eq.ra;meta.main"
    assert header[f"TCOMM{number['SCORE_PROBE']}"] == "Logit of the model probe, before calibration"
    assert header[f"TNULL{number['NOBS_Z']}"] == -1
    assert rows["OBJECT_ID"].tolist() == [39627658623812345, 2**62 + 1, 7]
    assert rows["RA"].tolist() == columns["RA"].tolist()  # not one bit lost
    assert rows["NOBS_Z"].tolist() == [3, -1, 12]
    assert [text.strip() for text in rows["KNOWN_NAME"]] == [b"?l 1".decode(), "", ""]
    assert rows["KNOWN"].tolist() == [True, False, False]
    primary = fitsio.read_header(written[".fits"], ext=0)
    for keys in (primary, header):
        assert keys["RUN"] == "tiny" and keys["SIMULATE"] is True and keys["RADESYS"] == "ICRS"
    with fits.open(written[".fits"], checksum=True) as hdus:  # a warning about the sums would be an error here
        assert hdus[1].name == "LENSES"
        assert hdus[1].header["QUERIES"] == HEADER["QUERIES"]  # longer than a card


def test_fits_opens_in_astropy_with_units(written):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*nanomaggy.*")
        table = Table.read(written[".fits"])
    assert str(table["RA"].unit) == "deg" and str(table["MAG_R"].unit) == "mag"
    assert str(table["FLUX_R"].unit) == "nanomaggy"
    assert table["NOBS_Z"].mask.tolist() == [False, True, False]
    assert table["MAG_R"].mask.tolist() == [False, True, False]  # astropy masks NaN when it reads FITS


def test_votable_validates_and_keeps_everything(written, columns):
    report = io.StringIO()
    valid = validate(str(written[".vot"]), output=report)
    remarks = [line for line in report.getvalue().splitlines() if ": W" in line or ": E" in line]
    assert valid or all("W50" in line for line in remarks), report.getvalue()  # W50: nanomaggy is no VOUnit
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", votable_exceptions.W50)
        votable = parse(str(written[".vot"]))
        table = votable.get_first_table().to_table()
    assert table["RA"].tolist() == columns["RA"].tolist()
    assert table["OBJECT_ID"].tolist() == columns["OBJECT_ID"].tolist()
    assert table["RA"].unit.to_string() == "deg" and table["RA"].meta["ucd"] == "pos.eq.ra;meta.main"
    assert table["GRADE"].tolist() == ["A", "", "C"]
    assert table["KNOWN_NAME"][0] == "Él 1"
    assert np.ma.is_masked(table["NOBS_Z"][1])
    assert {info.name: info.value for info in votable.resources[0].infos}["RUN"] == "tiny"
    assert votable.resources[0].coordinate_systems[0].system == "ICRS"


def test_ecsv_keeps_units_descriptions_and_header(written, columns):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*nanomaggy.*")
        table = Table.read(written[".ecsv"])
    assert table["RA"].tolist() == columns["RA"].tolist()
    assert table["RA"].description.startswith("Right ascension")
    assert table["RA"].meta["ucd"] == "pos.eq.ra;meta.main"
    assert table["FLUX_R"].unit.to_string() in ("nmgy", "nanomaggy")  # astropy knows the unit in ECSV
    assert table.meta["SIMULATE"] is True
    assert table["KNOWN"].dtype == bool and table["KNOWN"].tolist() == [True, False, False]
    assert np.ma.filled(table["GRADE"], "").tolist() == ["A", "", "C"]  # astropy reads "" as masked


def test_parquet_opens_in_pandas_and_as_voparquet(written, columns):
    frame = pd.read_parquet(written[".parquet"])
    assert frame["RA"].tolist() == columns["RA"].tolist()
    assert frame["NOBS_Z"].dtype == np.int16 and frame["KNOWN"].dtype == bool
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", votable_exceptions.W50)
        warnings.filterwarnings("ignore", message="No table::len")
        table = Table.read(written[".parquet"], format="parquet.votable")
    assert str(table["RA"].unit) == "deg" and table["MAG_R"].description.startswith("AB magnitude in r")


def test_same_content_gives_the_same_bytes_without_versions(columns, written, tmp_path):
    import astropy

    (tmp_path / "again").mkdir()
    again = [tmp_path / "again" / path.name for path in written.values()]
    swapped = {**columns, "RA": columns["RA"].astype("<f8"), "OBJECT_ID": columns["OBJECT_ID"].astype("<i8")}
    catalogue.write_catalogue(swapped, again, name="LENSES", header=HEADER)
    for first, second in zip(written.values(), again, strict=True):
        assert first.read_bytes() == second.read_bytes(), first.name
        assert astropy.__version__.encode() not in first.read_bytes(), first.name


def test_an_empty_table_is_written_in_every_format(columns, tmp_path):
    paths = [tmp_path / f"t.{suffix}" for suffix in ("fits", "ecsv", "vot", "parquet")]
    catalogue.write_catalogue({name: values[:0] for name, values in columns.items()}, paths, name="X", header=HEADER)
    assert len(fitsio.read(paths[0], ext=1)) == 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert all(len(Table.read(path)) == 0 for path in paths[1:3])
    assert list(pd.read_parquet(paths[3]).columns) == list(columns)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"GRAED": np.zeros(3)}, "or is it GRADE"),
        ({"RA": np.array([1.0, np.nan, 2.0])}, "a value is missing"),
        ({"NAME": np.array(["a", "", "b"])}, "a value is missing"),
        ({"ROUND": np.array([1, 40000, 2])}, "does not fit"),
        ({"NOBS_Z": np.array([1.5, 2, 3])}, "does not fit"),
        ({"MAG_R": np.array([np.inf, 1, 2])}, "infinite"),
        ({"MAG_R": np.array([1e300, 1, 2])}, "does not fit"),
        ({"KNOWN": np.array([0, 1, 2])}, "not boolean"),
        ({"MAG_R": np.array(["a", "b", "c"])}, "not numeric"),
    ],
)
def test_what_cannot_be_written_is_an_error(columns, tmp_path, change, message):
    with pytest.raises(PipelineError, match=message):
        catalogue.write_catalogue({**columns, **change}, [tmp_path / "t.fits"], name="X", header=HEADER)
    assert not list(tmp_path.iterdir())


def test_header_keys_and_formats_are_closed(columns, tmp_path):
    with pytest.raises(PipelineError, match="unknown header key"):
        catalogue.typed_table(columns, {"DATE": "2026"})
    with pytest.raises(PipelineError, match="unknown format"):
        catalogue.write_catalogue(columns, [tmp_path / "t.csv"], name="X", header=HEADER)
    assert catalogue.column_of_model("SCORE", "moco-probe") == "SCORE_MOCO_PROBE"
    with pytest.raises(PipelineError, match="takes"):
        catalogue.column_of_model("SCORE", "mean")
