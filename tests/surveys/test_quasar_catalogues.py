"""Catalogues of quasars: joined by plate or by target; -1 is no redshift; what the file says of the pipeline stays."""

import numpy as np
import pandas as pd
import pytest
from astropy.io import fits
from spectrum_files import table, write_quasars

from pipeline.data.spectrum_columns import complete
from pipeline.surveys.quasar_catalogues import QuasarTable
from pipeline.surveys.unreadable import UnreadableFile


def spectra(**columns) -> dict:
    rows = len(next(iter(columns.values())))
    return complete({"spectrum_id": np.arange(rows), "object_id": np.arange(rows), **columns}, rows)


def test_dr16q(tmp_path):
    write_quasars(
        tmp_path / "q.fits",
        [
            {"PLATE": 1, "MJD": 2, "FIBERID": 3, "CLASS_PERSON": 30, "Z_VI": 2.5, "Z_CONF": 3, "IS_QSO_DR12Q": 1,
             "BAL_PROB": 0.9, "BI_CIV": 1500.0, "Z_QN": 2.4, "Z_PCA": 2.6, "Z_PIPE": 1.1},
            {"PLATE": 1, "MJD": 2, "FIBERID": 4, "CLASS_PERSON": 3, "Z_VI": 0.5, "BAL_PROB": 0.1, "IS_QSO_DR12Q": -2},
            {"PLATE": 7, "MJD": 2, "FIBERID": 4},
        ],
    )  # fmt: skip
    columns = spectra(plate=[1, 1, 1, 7], mjd=[2, 2, 2, 2], fiber=[4, 3, 9, 4], z_pipe=[np.nan, 0.7, np.nan, 3.0])
    assert QuasarTable(tmp_path / "q.fits").join(columns) == 3
    assert columns["class_vi"].tolist() == [3, 30, -1, 0] and columns["z_conf"].tolist() == [-1, 3, -1, -1]
    np.testing.assert_array_equal(columns["z_vi"], [0.5, 2.5, np.nan, np.nan])
    np.testing.assert_array_equal(columns["z_qn"], [np.nan, 2.4, np.nan, np.nan])
    np.testing.assert_array_equal(columns["z_pca"], [np.nan, 2.6, np.nan, np.nan])
    assert columns["in_dr12q"].tolist() == [0, 1, -1, 0] and columns["bal_flag"].tolist() == [0, 1, -1, -1]
    np.testing.assert_array_equal(columns["bi_civ"], np.array([np.nan, 1500, np.nan, np.nan], "f4"))
    np.testing.assert_array_equal(columns["z_pipe"], [np.nan, 0.7, np.nan, 3.0])


def test_by_plate_and_by_target(tmp_path):
    """A simulated survey has one table for both."""
    rows = [{"PLATE": 1, "MJD": 2, "FIBERID": 3, "Z_VI": 1.0, "TARGETID": 0}, {"TARGETID": 99, "Z_VI": 2.0}]
    write_quasars(tmp_path / "q.fits", rows)
    columns = spectra(plate=[-1, 1, -1], mjd=[-1, 2, -1], fiber=[5, 3, -1], targetid=[99, 0, 0])
    assert QuasarTable(tmp_path / "q.fits").join(columns) == 2
    np.testing.assert_array_equal(columns["z_vi"], [2.0, 1.0, np.nan])


def test_zcatalog_in_csv(tmp_path):
    pd.DataFrame({"TARGETID": [5, 6, 7], "Z": [0.1, 0.2, 0.3], "ZWARN": [0, 4, 0]}).to_csv(tmp_path / "q.csv")
    columns = spectra(targetid=[6, 7, 8], class_pipe=["QSO", "SKY", "QSO"])
    assert QuasarTable(tmp_path / "q.csv").join(columns) == 2
    np.testing.assert_array_equal(columns["z_pipe"], [0.2, np.nan, np.nan])
    assert columns["zwarn_pipe"].tolist() == [4, -1, -1] and np.isnan(columns["z_vi"]).all()


# Target 5 was observed thrice, 6 in one program only, where it is not the best; 7 is a target of another survey alone.
ZALL = {
    "TARGETID": [5, 6, 5, 5, 7, 6],
    "SURVEY": ["main", "main", "main", "sv3", "sv3", "sv3"],
    "PROGRAM": ["dark", "dark", "bright", "dark", "dark", "dark"],
    "Z": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
    "ZCAT_PRIMARY": [False, False, False, True, True, True],
}


def write_zall(folder, kind, **changes):
    """Write a table like zall-pix files as FITS or CSV."""
    columns = {**ZALL, **changes}
    if kind == "csv":
        pd.DataFrame(columns).to_csv(folder / "zall.csv", index=False)
    else:
        forms = {"TARGETID": "K", "SURVEY": "7A", "PROGRAM": "6A", "Z": "D", "ZCAT_PRIMARY": "L"}
        made = {name: (forms[name], values) for name, values in columns.items()}
        fits.HDUList([fits.PrimaryHDU(), table(made, "ZCATALOG")]).writeto(folder / "zall.fits", overwrite=True)
    return folder / f"zall.{kind}"


@pytest.mark.parametrize("kind", ["fits", "csv"])
@pytest.mark.parametrize(
    ("chosen", "z"),
    [
        ({}, [4.0, 6.0, 5.0]),
        ({"survey": "main", "program": "dark"}, [1.0, 2.0, np.nan]),
        ({"survey": "sv3", "program": "dark"}, [4.0, 6.0, 5.0]),
        ({"survey": "main", "program": "bright"}, [3.0, np.nan, np.nan]),
    ],
)
def test_a_row_a_survey_and_program(tmp_path, kind, chosen, z):
    columns = spectra(targetid=[5, 6, 7])
    QuasarTable(write_zall(tmp_path, kind), **chosen).join(columns)
    np.testing.assert_array_equal(columns["z_pipe"], z)


def test_targets_that_stay_double(tmp_path):
    """Two rows of one program, or two best ones, are refused; a survey that the table does not have is named."""
    with pytest.raises(UnreadableFile, match="twice") as caught:
        QuasarTable(write_zall(tmp_path, "csv"), survey="main")
    assert caught.value.value == 5 and "rows [0, 2]" in caught.value.where
    with pytest.raises(UnreadableFile, match="twice"):
        QuasarTable(write_zall(tmp_path, "fits", ZCAT_PRIMARY=[True, False, False, True, True, True]))
    with pytest.raises(UnreadableFile, match="of this survey") as caught:
        QuasarTable(write_zall(tmp_path, "fits"), survey="sv1", program="dark")
    assert caught.value.allowed == "main, sv3"


def test_tables_that_cannot_be_joined(tmp_path):
    pd.DataFrame({"RA": [1.0], "Z": [1.0]}).to_csv(tmp_path / "a.csv")
    with pytest.raises(UnreadableFile, match="no key"):
        QuasarTable(tmp_path / "a.csv")
    pd.DataFrame({"TARGETID": [1, 1], "Z": [1.0, 2.0]}).to_csv(tmp_path / "b.csv")
    with pytest.raises(UnreadableFile, match="twice"):
        QuasarTable(tmp_path / "b.csv")
    for name in ("none.csv", "none.fits"):
        with pytest.raises(UnreadableFile, match="not found"):
            QuasarTable(tmp_path / name)
