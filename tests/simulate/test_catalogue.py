"""Sweep columns, photometric redshifts and truth of whole bricks."""

import numpy as np
import pytest

from pipeline.data.ids import pack_object_id
from pipeline.images.noise import pixel_noise
from pipeline.simulate import dr9, observe, summary


@pytest.fixture(scope="module")
def seen(changed):
    survey = changed(sky__brick_pixels=1400)
    return survey, list(observe.observations(survey, 7, 2, "south", 0, -5))


def test_every_column_is_there_with_its_type(seen):
    for part in seen[1]:
        for columns, table in ((dr9.SWEEP, part.catalogue.sweep), (dr9.PHOTO_Z, part.catalogue.photoz)):
            expected = dr9.empty(columns, len(part.catalogue.truth))
            assert set(table) == set(expected)
            for name, values in table.items():
                assert (values.dtype, values.shape) == (expected[name].dtype, expected[name].shape), name
                assert np.all(np.isfinite(values)) if values.dtype.kind == "f" else True, name


def test_rows_of_sweep_photoz_and_truth_belong_together(seen):
    for part in seen[1]:
        sweep, photoz, truth = part.catalogue.sweep, part.catalogue.photoz, part.catalogue.truth
        packed = pack_object_id(sweep["RELEASE"], sweep["BRICKID"], sweep["OBJID"])
        assert np.array_equal(packed, truth.object_id)
        assert np.array_equal(sweep["OBJID"], photoz["OBJID"])
        assert np.array_equal(sweep["OBJID"], np.arange(len(truth)))
        assert set(truth.tranche) == {2}
        assert np.array_equal(sweep["RA"], truth.ra)


def test_depth_seeing_and_flux_errors_are_consistent(seen):
    for part in seen[1]:
        sweep = part.catalogue.sweep
        x, y = part.brick.pixel(sweep["RA"], sweep["DEC"])
        for k, band in enumerate("GRZ"):
            noise = pixel_noise(sweep[f"PSFDEPTH_{band}"], sweep[f"PSFSIZE_{band}"], 0.262)
            # A measured position may lie across the edge of a detector from the true one.
            assert np.mean(np.isclose(noise, part.conditions.noise_at(x, y)[:, k], rtol=1e-4)) > 0.99
            one = sweep["TYPE"] != "DUP"
            assert np.all(sweep[f"FLUX_IVAR_{band}"][one] <= 1.001 * sweep[f"PSFDEPTH_{band}"][one])
            assert np.all(sweep[f"GALDEPTH_{band}"] < sweep[f"PSFDEPTH_{band}"])
            assert np.all(sweep[f"NOBS_{band}"] >= 1)


def test_shapes_are_those_of_the_types(seen):
    for part in seen[1]:
        sweep = part.catalogue.sweep
        kind = sweep["TYPE"]
        assert set(kind) <= {"PSF", "REX", "EXP", "DEV", "SER", "DUP"}
        point = np.isin(kind, ["PSF", "DUP"])
        assert not sweep["SHAPE_R"][point].any()
        assert np.all(sweep["SHAPE_R"][~point] > 0)
        assert not sweep["SHAPE_E1"][kind == "REX"].any()
        assert set(sweep["SERSIC"][kind == "DEV"]) <= {4.0}
        assert set(sweep["SERSIC"][np.isin(kind, ["EXP", "REX"])]) <= {1.0}
        assert set(sweep["SERSIC"][point]) <= {0.0}
        fibre = sweep["FIBERFLUX_R"] / np.where(sweep["FLUX_R"] == 0, 1, sweep["FLUX_R"])
        assert np.all((fibre >= 0) & (fibre < 1))
        assert np.median(fibre[kind == "PSF"]) == pytest.approx(0.79, abs=0.02)  # 1 - exp(-0.75^2 / 2 / 0.4247^2)


def test_masks_stand_around_bright_stars(seen):
    masked = 0
    for part in seen[1]:
        sweep, objects = part.catalogue.sweep, part.scene.objects
        star = objects.kind == "star"
        magnitude = 22.5 - 2.5 * np.log10(objects.flux[:, 1])
        east, north = objects.east[star & (magnitude < 16)], objects.north[star & (magnitude < 16)]
        radius = 1630 * 1.396 ** -magnitude[star & (magnitude < 16)]
        ra, dec = part.scene.field.sky(east, north)
        distance = np.hypot(
            (sweep["RA"][:, None] - ra) * np.cos(np.radians(dec)), sweep["DEC"][:, None] - dec
        ) * 3600  # fmt: skip
        inside = (distance < radius - 0.5).any(axis=1)
        medium = (sweep["MASKBITS"] & (1 << 11)) > 0
        assert np.all(medium[inside])
        assert not medium[(distance > radius + 0.5).all(axis=1)].any()
        bright = (sweep["MASKBITS"] & 2) > 0
        assert np.all(medium[bright])
        masked += medium.sum()
    assert masked > 0


def test_truth_tells_lenses_controls_and_their_images(seen):
    survey, parts = seen
    lenses = arcs = 0
    for part in parts:
        truth, objects = part.catalogue.truth, part.scene.objects
        lens = truth[truth.is_lens]
        lenses += len(lens)
        arcs += truth.catalogued_arc.sum()
        assert set(truth.system[truth.is_lens]) <= set(objects.system[objects.lens])
        assert np.all(lens.theta_e.between(*survey.lenses.theta_e))
        assert np.all(lens.configuration.isin(["arc", "double", "quad", "ring", "group"]))
        assert np.all(lens.arc_snr > 0)
        assert np.all(lens.z_source > lens.z_lens)
        seeing = survey.lenses.visible_theta * part.conditions.psfsize[1]
        expected = (lens.arc_snr >= survey.lenses.visible_snr) & (lens.theta_e >= seeing)
        assert np.array_equal(lens.visible, expected)
        others = truth[~truth.is_lens & ~truth.catalogued_arc]
        assert others.theta_e.isna().all()
        assert others.arc_snr.isna().all()
        assert not others.visible.any()
        assert set(truth.control) <= {"", "zero_flux", "never_lensed"}
        assert set(truth.kind[truth.control != ""]) <= {"host"}
        image = truth[truth.catalogued_arc]
        assert set(image.kind) <= {"lensed_image"}
        assert set(image.system) <= set(objects.system[objects.lens])
    assert lenses > 5
    assert arcs > 0


def test_photometric_redshifts_scatter_as_set(seen):
    survey, parts = seen
    z, true, mag = [], [], []
    for part in parts:
        photoz, sweep = part.catalogue.photoz, part.catalogue.sweep
        known = photoz["Z_PHOT_MEDIAN"] > -99
        nobs = np.min([sweep[f"NOBS_{band}"] for band in "GRZ"], axis=0)
        assert not known[nobs < 2].any()
        z.append(photoz["Z_PHOT_MEDIAN"][known])
        true.append(part.catalogue.truth.redshift.to_numpy()[known])
        mag.append(22.5 - 2.5 * np.log10(np.maximum(sweep["FLUX_Z"][known], 1e-3)))
        spectra = photoz["Z_SPEC"] > -99
        assert np.allclose(photoz["Z_SPEC"][spectra], part.catalogue.truth.redshift[spectra], atol=1e-6)
    z, true, mag = (np.concatenate(values) for values in (z, true, mag))
    bright = (mag > 18) & (mag < 19) & np.isfinite(true)
    scatter = 1.4826 * np.median(np.abs((z - true)[bright] / (1 + true[bright])))
    assert scatter == pytest.approx(survey.photoz_scatter, rel=0.35)


def test_summary_rows_describe_the_brick(seen):
    _, parts = seen
    row = summary.brick_row(parts[0])
    sweep = parts[0].catalogue.sweep
    assert row["brickname"][0] == parts[0].brick.name
    assert row["nobjs"][0] == len(sweep["TYPE"])
    assert row["nser"][0] == np.sum(sweep["TYPE"] == "SER")
    assert row["nexphist_g"][0].sum() == 1400**2
    assert row["psfsize_r"][0] == pytest.approx(np.median(sweep["PSFSIZE_R"]))
    depth = 22.5 - 2.5 * np.log10(5 / np.sqrt(np.median(sweep["PSFDEPTH_G"])))
    assert row["psfdepth_g"][0] == pytest.approx(depth, abs=0.3)
    assert row["ebv"][0] == pytest.approx(np.median(sweep["EBV"]), rel=0.1)
    spectra = [summary.spectra(part) for part in parts]
    table = summary.distinct_spectra([*spectra, *spectra])
    assert len(table["RA"]) == sum(len(part["RA"]) for part in spectra)
    assert np.all(table["Z"] > 0)
