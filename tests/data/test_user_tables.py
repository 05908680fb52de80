"""Tables of users, in every format that is read, and how faults are named."""

import gzip

import numpy as np
import pandas as pd
import pytest
from astropy.table import Table

from pipeline.data.user_tables import numbers, read_user_table, texts
from pipeline.errors import PipelineError

CONTENT = {"name": ["a", "b c", "d"], "ra": [10.5, 359.99, 0.0], "dec": [-1.25, 2.0, 90.0], "n": [1, 2, 3]}


@pytest.mark.parametrize("suffix", ["csv", "tsv", "txt", "csv.gz", "ecsv", "fits", "vot", "parquet"])
def test_formats(tmp_path, suffix):
    path = tmp_path / f"list.{suffix}"
    table = Table(CONTENT)
    if suffix in ("csv", "csv.gz"):
        text = pd.DataFrame(CONTENT).to_csv(index=False).encode()
        path.write_bytes(gzip.compress(text) if suffix.endswith("gz") else text)
    elif suffix in ("tsv", "txt"):
        pd.DataFrame(CONTENT).to_csv(path, index=False, sep="\t")
    elif suffix == "parquet":
        pd.DataFrame(CONTENT).to_parquet(path)
    else:
        table.write(path, format={"ecsv": "ascii.ecsv", "fits": "fits", "vot": "votable"}[suffix])
    found = read_user_table(path)
    assert list(found.columns) == list(CONTENT)
    assert texts(found, "name", path).tolist() == CONTENT["name"]
    np.testing.assert_array_equal(numbers(found, "ra", path), CONTENT["ra"])
    np.testing.assert_array_equal(numbers(found, "n", path), CONTENT["n"])


def test_a_commented_header_is_a_header(tmp_path):
    """The export of the Master Lens Database: comment lines, the last of them the header, quoted names with spaces."""
    path = tmp_path / "masterlens.tsv"
    path.write_text('# made by a machine, not by hand\n# "system_name"\t "ra_coord"\n"J1"\t 10.5\n""\t NaN\n')
    found = read_user_table(path)
    assert list(found.columns) == ["system_name", "ra_coord"]
    assert texts(found, "system_name", path).tolist() == ["J1", ""]
    np.testing.assert_array_equal(numbers(found, "ra_coord", path), [10.5, np.nan])


def test_comments_above_a_header_are_skipped(tmp_path):
    path = tmp_path / "list.csv"
    path.write_text("# who: me\n# when\nname,ra\nx,1.0\n")
    assert read_user_table(path).to_dict("list") == {"name": ["x"], "ra": [1.0]}


def test_a_byte_order_mark_and_windows_line_ends(tmp_path):
    path = tmp_path / "list.csv"
    path.write_bytes("﻿name,ra\r\nx,1.0\r\n".encode())
    assert read_user_table(path).to_dict("list") == {"name": ["x"], "ra": [1.0]}


def test_what_is_no_number_is_named(tmp_path):
    path = tmp_path / "list.csv"
    path.write_text("name,ra\nx,1.0\ny,00:42:30\nz,-\n")
    with pytest.raises(PipelineError, match=r"column ra, row 2(.|\n)*00:42:30"):
        numbers(read_user_table(path), "ra", path)


def test_a_missing_column_is_named(tmp_path):
    path = tmp_path / "list.csv"
    path.write_text("name,RA\nx,1.0\n")
    with pytest.raises(PipelineError, match=r"no such column(.|\n)*ra(.|\n)*name, RA"):
        numbers(read_user_table(path), "ra", path)


@pytest.mark.parametrize(
    "name, content",
    [
        ("list.fits", b"SIMPLE  =                    T"),
        ("list.csv", b""),
        ("list.csv", b'a,b\n"1,2\n3'),
        ("list.csv.gz", b"no gzip"),
        ("list.parquet", b"PAR1 and then nothing"),
        ("list.ecsv", b"no ecsv"),
        ("list.vot", b"<VOTABLE>"),
    ],
)
def test_broken_tables_are_refused_by_name(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(PipelineError, match=name):
        read_user_table(tmp_path / name)


def test_unknown_and_missing_files(tmp_path):
    with pytest.raises(PipelineError, match="unknown kind"):
        read_user_table(tmp_path / "list.xlsx")
    with pytest.raises(PipelineError, match="not found"):
        read_user_table(tmp_path / "list.csv")


@pytest.mark.realdata
@pytest.mark.parametrize(
    "file, columns, rows",
    [
        ("masterlens_2022.tsv.gz", ("system_name", "ra_coord", "dec_coord"), 6325),
        ("lenscat_catalog.csv", ("name", "RA [deg]", "DEC [deg]"), 17187),
        ("sled_lenses.csv", ("name", "ra", "dec"), 400),
        ("stein2022_training_lenses.tsv", ("source_type", "ra", "dec"), 1615),
    ],
)
def test_real_lists(skysieve_data, file, columns, rows):
    path = skysieve_data / "lens_catalogues" / file
    found = read_user_table(path)
    texts(found, columns[0], path)
    dec = numbers(found, columns[2], path)
    assert len(found) == rows
    assert (np.abs(dec[np.isfinite(dec)]) <= 90).all() and np.isfinite(dec).sum() > rows / 3
