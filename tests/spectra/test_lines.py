"""The line list: vacuum wavelengths, doublets, agreement with the published composite's table."""

import pytest

from pipeline.spectra import lines


def test_list_is_ordered_and_names_are_unique():
    for table in (lines.BROAD, lines.NARROW):
        assert [line.wavelength for line in table] == sorted(line.wavelength for line in table)
        assert len({line.name for line in table}) == len(table)


def test_doublets_have_their_ratios():
    flux = {line.name: line for line in lines.NARROW}
    assert flux["[OIII] 5008"].agn / flux["[OIII] 4960"].agn == pytest.approx(2.993, rel=0.01)
    assert flux["[OIII] 5008"].hii / flux["[OIII] 4960"].hii == pytest.approx(2.993, rel=0.02)
    assert flux["[NII] 6585"].agn / flux["[NII] 6550"].agn == pytest.approx(3.049, rel=0.03)
    assert flux["Halpha narrow"].hii / flux["Hbeta narrow"].hii == pytest.approx(2.86)


@pytest.mark.realdata
def test_wavelengths_are_those_of_the_composites_table(skysieve_data):
    rows = (skysieve_data / "qso_lens_desi" / "vandenberk2001_lines.txt").read_text().splitlines()
    laboratory = [float(row[76:83]) for row in rows if len(row) > 80 and row[:1] in " 0123456789"
                  and row[76:83].strip().replace(".", "").isdigit() and "." in row[76:83]]  # fmt: skip
    assert len(laboratory) > 50
    ours = [line.wavelength for line in (*lines.BROAD, *lines.NARROW)]
    named = ("Lya", "NV", "SiIV", "CIV", "CIII]", "Hbeta", "Hgamma", "Hdelta", "Halpha", "OVI", "HeII 1640")
    for line in lines.BROAD:
        if line.name in named:
            assert min(abs(line.wavelength - at) for at in laboratory) < 0.1, line
    # Most of the table is in the list; what is left are blends of iron and lines too weak to matter.
    found = [at for at in laboratory if min(abs(at - wavelength) for wavelength in ours) < 1.0]
    assert len(found) > 0.6 * len(laboratory)
