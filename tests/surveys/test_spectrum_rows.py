"""Rows of a shard: one grid, what is measured, flags, cuts, repeats, and what could not be read."""

import numpy as np
import pytest
from spectrum_files import write_coadd, write_quasars, write_spec, write_spplate

from pipeline.data.redshift_bits import names
from pipeline.errors import PipelineError
from pipeline.settings.spectra.ingest import SpectraIngest
from pipeline.spectra.grids import grid
from pipeline.surveys.quasar_catalogues import QuasarTable
from pipeline.surveys.spectra_files import files_beside, read_named, read_spectra
from pipeline.surveys.spectrum_doubts import SpectrumDoubts
from pipeline.surveys.spectrum_rows import gather
from pipeline.surveys.unreadable import UnreadableFile

PLAIN = {
    "grid": "fnet", "resample": "conserve", "selection": None, "min_good_pixels": 500, "on_bad_object": "flag",
    "spectra_per_shard": 5, "shards_per_job": 2,
}  # fmt: skip
CUTS = {"class_pipe": None, "class_vi": None, "in_dr12q": None}


def rows_of(root, files, table=None, policy="flag", **changes):
    doubts = SpectrumDoubts(policy)
    ingest = SpectraIngest.parse({**PLAIN, **changes})
    found = gather(read_named(root, files, doubts), ingest, table, doubts, tranche=3, simulated=True)
    return found, doubts


@pytest.fixture
def folder(tmp_path):
    write_spec(tmp_path / "spec-3655-55240-0002.fits", fiber=2)
    write_spec(tmp_path / "spec-3655-55240-0001.fits", fiber=1, results={"CLASS": ("6A", ["STAR"])})
    write_spec(tmp_path / "spec-0300-51943-0007.fits", 300, 51943, 7, first=35800, count=3830)
    write_coadd(tmp_path / "coadd-main-dark-9144.fits")
    return tmp_path


SPECS = ["spec-3655-55240-0002.fits", "spec-3655-55240-0001.fits", "spec-0300-51943-0007.fits"]


def test_rows(folder):
    found, doubts = rows_of(folder, [*SPECS, "coadd-main-dark-9144.fits"])
    columns = found.columns
    assert found.flux.shape == found.ivar.shape == found.mask.shape == (6, 4618) and not doubts.notes
    assert (np.diff(columns["spectrum_id"]) > 0).all()
    assert columns["source"][:3].tolist() == [SPECS[2], SPECS[1], SPECS[0]]
    assert columns["tranche"].tolist() == [3] * 6 and columns["simulated"].all()
    written = read_spectra(folder / SPECS[0])[0]
    start = 35522 - 35500
    np.testing.assert_array_equal(found.flux[2, : 4600 - start], written.flux[start:])
    assert columns["good_pixels"][2] == 4600 - start and not found.mask[2, : 4600 - start].any()
    ratio = np.median((written.flux * np.sqrt(written.ivar))[start:])
    assert columns["sn_median"][2] == pytest.approx(ratio, rel=1e-6)
    wavelength = grid("fnet").wavelength
    assert columns["wave_min"][2] == np.float32(wavelength[0])
    assert columns["wave_max"][2] == np.float32(wavelength[4577])
    flags = [names(value) for value in columns["flags"]]
    assert flags[:3] == [["OFF_GRID"], [], []]
    assert sorted(map(tuple, flags[3:])) == [("OFF_GRID",), ("OFF_GRID",), ("SKY", "OFF_GRID")]
    assert found.mask[0, :200].all() and not found.flux[0, :200].any() and not found.ivar[found.mask].any()


def test_interp_beside_conserve(folder):
    """DESI's pixels are not the grid's: the two ways differ; those of SDSS are copied by both."""
    conserved, _ = rows_of(folder, [SPECS[0], "coadd-main-dark-9144.fits"])
    interpolated, _ = rows_of(folder, [SPECS[0], "coadd-main-dark-9144.fits"], resample="interp")
    np.testing.assert_array_equal(conserved.flux[0], interpolated.flux[0])
    assert (conserved.flux[1] != interpolated.flux[1]).any()


def test_a_bad_file_is_carried_and_the_rest_goes_on(folder):
    (folder / SPECS[0]).write_bytes((folder / SPECS[0]).read_bytes()[:9000])
    (folder / "coadd-half.fits").write_text("no FITS")
    selection = {**CUTS, "class_pipe": ["STAR"]}
    found, doubts = rows_of(folder, [*SPECS, "coadd-half.fits", "none.fits"], selection=selection)
    columns = found.columns
    assert columns["source"].tolist()[:2] == [SPECS[1], SPECS[0]]
    assert set(columns["source"][2:]) == {"coadd-half.fits", "none.fits"}
    for row in range(1, 4):
        assert names(columns["flags"][row]) == ["LITTLE_COVERAGE", "NODATA", "UNREADABLE"]
        assert not found.flux[row].any() and not found.ivar[row].any() and found.mask[row].all()
        assert columns["good_pixels"][row] == 0 and np.isnan(columns["sn_median"][row])
    assert columns["plate"][1] == 3655 and columns["fiber"][1] == 2
    assert len(doubts.notes) == 3 and any(SPECS[0] in where for _, where in doubts.notes)
    with pytest.raises(PipelineError, match="truncated"):
        rows_of(folder, SPECS, policy="error", on_bad_object="error")


def test_nothing_usable_is_carried(tmp_path):
    write_spec(tmp_path / SPECS[0], ivar=np.zeros(4600))
    write_spec(tmp_path / SPECS[1], fiber=1, ivar=np.where(np.arange(4600) < 400, 1.0, 0.0))
    columns = rows_of(tmp_path, SPECS[:2])[0].columns
    assert [names(value) for value in columns["flags"]] == [["LITTLE_COVERAGE"], ["LITTLE_COVERAGE", "NODATA"]]


def test_cuts(folder):
    write_quasars(
        folder / "q.fits",
        [
            {"PLATE": 3655, "MJD": 55240, "FIBERID": 2, "CLASS_PERSON": 3, "Z_VI": 2.0, "IS_QSO_DR12Q": 1},
            {"PLATE": 3655, "MJD": 55240, "FIBERID": 1, "CLASS_PERSON": 30, "Z_VI": 2.0, "IS_QSO_DR12Q": 0},
        ],
    )
    table = QuasarTable(folder / "q.fits")
    kept = {}
    for name, value in (("class_vi", [3, 30]), ("class_vi", [3]), ("in_dr12q", True), ("in_dr12q", False)):
        found, _ = rows_of(folder, SPECS, table, selection={**CUTS, name: value})
        kept[name, str(value)] = found.columns["source"].tolist()
        assert found.counts["in the catalogue"] == 2 and found.counts["file"] == 3
        assert found.counts[name] == 3 - len(found.flux)
    assert list(kept.values()) == [[SPECS[1], SPECS[0]], [SPECS[0]], [SPECS[0]], [SPECS[1]]]


def test_a_spectrum_that_stands_twice(folder):
    write_spec(folder / "again" / SPECS[0])
    found, doubts = rows_of(folder, [*SPECS, f"again/{SPECS[0]}"])
    assert len(found.flux) == 3 and "twice" in doubts.notes[0][0] and "again" in doubts.notes[0][1]


def test_no_files(tmp_path):
    found, _ = rows_of(tmp_path, [])
    assert found.flux.shape == (0, 4618) and len(found.columns["ra"]) == 0


def test_any_file(folder):
    """Files are known by name, or else by content."""
    write_spplate(folder / "spPlate-3655-55240.fits")
    assert len(read_spectra(folder / "spPlate-3655-55240.fits")) == 3
    assert [path.name for path in files_beside(folder / "spPlate-3655-55240.fits")] == ["spZbest-3655-55240.fits"]
    assert [path.name for path in files_beside(folder / "coadd-main-dark-9144.fits")] == ["redrock-main-dark-9144.fits"]
    for name, rows in ((SPECS[0], 1), ("spPlate-3655-55240.fits", 3), ("coadd-main-dark-9144.fits", 3)):
        (folder / name).rename(folder / "renamed.fits")
        assert len(read_spectra(folder / "renamed.fits")) == rows
    write_quasars(folder / "renamed.fits", [{"PLATE": 1}])
    with pytest.raises(UnreadableFile, match="no spectrum"):
        read_spectra(folder / "renamed.fits")
