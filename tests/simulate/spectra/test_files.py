"""Files: layout of the real ones, values through an independent reader, equal bytes."""

import fitsio
import numpy as np
import pytest
from astropy.io import fits
from simulated_spectra import parsed, row

from pipeline.simulate.spectra import boss_files, desi_files, fits_bytes, pipeline_fit, shard, spectrographs


@pytest.fixture(scope="module")
def settings():
    return parsed(spectra_per_shard=12)


@pytest.fixture(scope="module")
def shards(settings):
    found = {}
    for region in ("sdss", "boss", "desi"):
        one = row(settings, region)
        spectra = list(shard.spectra(settings, 4, one))
        found[region] = one, spectra, [pipeline_fit.fit(settings.catalogue, 4, one, each) for each in spectra]
    return found


@pytest.mark.parametrize("region", ["sdss", "boss"])
def test_lite_files_hold_what_was_observed(tmp_path, settings, shards, region):
    one, spectra, fitted = shards[region]
    tool = spectrographs.instrument(region)
    for spectrum, result in zip(spectra, fitted, strict=True):
        path = tmp_path / boss_files.path(one, spectrum.row + 1)
        fits_bytes.write(path, *boss_files.content(settings, 4, one, spectrum, result))
        with fits.open(path) as file:
            file.verify("exception")
            assert file[0].header["SIMUL"] and file[1].header["SIMUL"]
            assert file[0].header["PLUG_DEC"] == spectrum.dec
            assert file[0].header["FIBERID"] == spectrum.row + 1
            assert not {"DATE", "CHECKSUM", "DATASUM"} & {key for hdu in file for key in hdu.header}
            data, about = file[1].data, file[2].data[0]
            assert [data.columns[k].format for k in range(8)] == ["E", "E", "E", "J", "J", "E", "E", "E"]
            assert np.array_equal(data["flux"], spectrum.observed.flux)
            assert 10 ** data["loglam"].astype(float) == pytest.approx(tool.window.wave, rel=2e-6)
            assert about["Z"] == np.float32(result.z)
            assert about["CLASS"] == result.spectype
            assert about["PLUG_RA"] == spectrum.ra
            assert (about["OBJTYPE"] == "SKY") == (spectrum.kind == "sky")
        read = fitsio.read(path, ext=1)
        assert np.array_equal(read["ivar"], spectrum.observed.ivar)
        assert np.array_equal(read["and_mask"], spectrum.observed.and_mask)
        bad = read["ivar"] == 0
        assert np.all((read["and_mask"][bad] & spectrographs.NODATA) > 0)


@pytest.mark.realdata
@pytest.mark.parametrize(("region", "name"), [
    ("boss", "boss_picca/spec-3655-55240-0002.fits.gz"), ("sdss", "sdss_sky_fibres/spec-1942-53415-0005.fits.gz"),
])  # fmt: skip
def test_columns_are_among_those_of_real_files(skysieve_data, settings, shards, region, name):
    one, spectra, fitted = shards[region]
    ours = b"".join(boss_files.content(settings, 4, one, spectra[0], fitted[0]))
    with fits.open(skysieve_data / "spectra" / name) as real, fits.HDUList.fromstring(ours) as file:
        kinds = {column.name.lower(): column.format for column in real[1].columns}
        assert {column.name.lower(): column.format for column in file[1].columns} == kinds
        known = {column.name.upper(): column.format[-1] for column in real[2].columns}
        both = [column for column in file[2].columns if column.name in known]
        assert len(both) > 25
        for column in both:
            if column.name != "SPECOBJID":  # a text in DR8 and later, a number before
                assert column.format[-1] == known[column.name], column.name


def read_desi(tmp_path, shards):
    one, spectra, fitted = shards["desi"]
    names = desi_files.paths(one)
    for name, hdus in zip(names, desi_files.contents(4, one, spectra, fitted), strict=True):
        fits_bytes.write(tmp_path / name, *hdus)
    return spectra, fitted, tmp_path / names[0], tmp_path / names[1]


def test_desi_arms_coadd_to_what_was_observed(tmp_path, shards):
    spectra, fitted, coadd, redrock = read_desi(tmp_path, shards)
    wave = spectrographs.instrument("desi").window.wave
    flux, ivar = np.zeros((len(spectra), len(wave))), np.zeros((len(spectra), len(wave)))
    with fits.open(coadd) as file:
        file.verify("exception")
        assert file[0].header["SIMUL"]
        for arm in "BRZ":
            at = np.searchsorted(wave, file[f"{arm}_WAVELENGTH"].data - 0.4)
            assert file[f"{arm}_WAVELENGTH"].data == pytest.approx(wave[at])
            weight = file[f"{arm}_IVAR"].data.astype(float)
            flux[:, at] += weight * file[f"{arm}_FLUX"].data
            ivar[:, at] += weight
            assert file[f"{arm}_MASK"].data.dtype == np.uint32
            assert np.array_equal(file[f"{arm}_MASK"].data > 0, weight == 0)
            rows = file[f"{arm}_RESOLUTION"].data
            assert rows.shape == (len(spectra), 11, len(at))
            assert rows.sum(axis=1) == pytest.approx(1.0, abs=1e-5)
        ids = file["FIBERMAP"].data["TARGETID"]
        assert np.array_equal(ids, file["SCORES"].data["TARGETID"])
        assert list(file["FIBERMAP"].data["OBJTYPE"] == "SKY") == [one.kind == "sky" for one in spectra]
        assert file["FIBERMAP"].data["TARGET_RA"] == pytest.approx([one.ra for one in spectra], abs=1e-12)
        # Where arms overlap, their noises differ by as much as their weights say.
        blue, red = file["B_IVAR"].data[:, -51:], file["R_IVAR"].data[:, :51]
        weight = blue * red / np.maximum(blue + red, 1e-30)
        apart = (file["B_FLUX"].data[:, -51:] - file["R_FLUX"].data[:, :51]) * np.sqrt(weight)
    assert len(np.unique(ids)) == len(ids)
    good = ivar > 0
    seen = np.stack([one.observed.flux for one in spectra])
    assert ivar == pytest.approx(np.stack([one.observed.ivar for one in spectra]), rel=1e-5)
    assert (flux / np.where(good, ivar, 1))[good] == pytest.approx(seen[good], rel=1e-4, abs=1e-4)
    assert np.std(apart[weight > 0]) == pytest.approx(1.0, abs=0.1)
    with fits.open(redrock) as file:
        table = file["REDSHIFTS"].data
        assert np.array_equal(table["TARGETID"], ids)
        assert table["Z"] == pytest.approx([one.z for one in fitted])
        assert table["ZWARN"].dtype.newbyteorder("=") == np.int64


@pytest.mark.realdata
def test_desi_layout_is_that_of_real_files(tmp_path, skysieve_data, shards):
    *_, coadd, redrock = read_desi(tmp_path, shards)
    folder = skysieve_data / "desi"
    with fits.open(folder / "picca_healpix9144" / "coadd-sv3-dark-9144.fits.gz") as real, fits.open(coadd) as ours:
        assert {hdu.name for hdu in real} == {hdu.name for hdu in ours}
        for arm in "BRZ":
            assert np.allclose(real[f"{arm}_WAVELENGTH"].data, ours[f"{arm}_WAVELENGTH"].data, atol=1e-6)
            for what in ("FLUX", "IVAR", "MASK", "RESOLUTION"):
                name = f"{arm}_{what}"
                assert real[name].data.dtype.newbyteorder("=") == ours[name].data.dtype.newbyteorder("="), name
                assert real[name].data.shape[1:] == ours[name].data.shape[1:], name
        for key in ("SPGRP", "HPXNSIDE", "SURVEY", "PROGRAM"):
            assert key in real[0].header and key in ours[0].header
    with fits.open(folder / "redrock" / "redrock-test.fits") as real, fits.open(redrock) as ours:
        assert [(c.name, c.format) for c in real["REDSHIFTS"].columns] == [
            (c.name, c.format) for c in ours["REDSHIFTS"].columns
        ]


def test_equal_content_gives_equal_bytes(settings, shards):
    for region in ("sdss", "boss"):
        one, spectra, fitted = shards[region]
        again = next(shard.spectra(settings, 4, one))
        result = pipeline_fit.fit(settings.catalogue, 4, one, again)
        first = boss_files.content(settings, 4, one, spectra[0], fitted[0])
        assert boss_files.content(settings, 4, one, again, result) == first
    one, spectra, fitted = shards["desi"]
    assert desi_files.contents(4, one, spectra, fitted) == desi_files.contents(4, one, spectra, fitted)
