"""Columns against a real DR9 Tractor catalogue."""

import numpy as np
import pytest
from astropy.io import fits

from pipeline.simulate import dr9


@pytest.mark.realdata
def test_sweep_columns_have_the_formats_of_a_real_catalogue(skysieve_data):
    with fits.open(skysieve_data / "legacy_catalogues" / "tractor-1054p567.fits") as file:
        real = {column.name: column.format for column in file[1].columns}
    ours = {name: form for name, form, _ in dr9.SWEEP}
    assert set(ours) <= set(real)
    differing = {name for name, form in ours.items() if real[name] != form}
    assert differing == set()


def test_sweep_has_each_column_of_the_documented_model():
    names = [name for name, *_ in dr9.SWEEP]
    assert len(names) == len(set(names)) == 115
    for band in "GRZ":
        for stem in ("FLUX", "FLUX_IVAR", "NOBS", "PSFSIZE", "PSFDEPTH", "FRACFLUX", "ALLMASK", "FIBERFLUX"):
            assert f"{stem}_{band}" in names
    units = {name: unit for name, _, unit in dr9.SWEEP}
    assert units["FLUX_G"] == "nanomaggy"
    assert units["PSFSIZE_R"] == "arcsec"
    assert units["PSFDEPTH_Z"] == "1/nanomaggy^2"


def test_empty_columns_have_types_and_shapes():
    table = dr9.empty(dr9.SWEEP, 4)
    assert table["RELEASE"].dtype == np.int16
    assert table["RA"].dtype == np.float64
    assert table["DCHISQ"].shape == (4, 5)
    assert table["TYPE"].dtype == "<U3"
    joined = dr9.concatenate(dr9.SWEEP, [table, table])
    assert all(len(values) == 8 for values in joined.values())
    assert all(joined[name].dtype == table[name].dtype for name in joined)
