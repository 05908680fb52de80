"""Object ids against real TARGETIDs; names against golden lists, desiutil and published catalogues."""

import csv
import re
from collections import Counter
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal

import numpy as np
import pytest
from astropy.io import fits
from desiutil.names import radec_to_desiname
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.data import ids
from pipeline.errors import PipelineError

# ra, dec, NAME (rounded), DESINAME (truncated)
GOLDEN = [
    (0.0, 0.0, "DESI-000.0000+00.0000", "DESI J000.0000+00.0000"),
    (359.99996, 10.0, "DESI-000.0000+10.0000", "DESI J359.9999+10.0000"),
    (359.99994, -10.0, "DESI-359.9999-10.0000", "DESI J359.9999-10.0000"),
    (359.99995, 1.0, "DESI-000.0000+01.0000", "DESI J359.9999+01.0000"),  # the double lies above the tie
    (0.00004, -0.00004, "DESI-000.0000+00.0000", "DESI J000.0000+00.0000"),
    (0.00006, -0.00006, "DESI-000.0001-00.0001", "DESI J000.0000+00.0000"),
    (9.99996, 9.99996, "DESI-010.0000+10.0000", "DESI J009.9999+09.9999"),
    (99.99996, -9.99996, "DESI-100.0000-10.0000", "DESI J099.9999-09.9999"),
    (180.0, 90.0, "DESI-180.0000+90.0000", "DESI J180.0000+90.0000"),
    (180.0, -90.0, "DESI-180.0000-90.0000", "DESI J180.0000-90.0000"),
    (12.34567, 89.99996, "DESI-012.3457+90.0000", "DESI J012.3456+89.9999"),
    (12.34567, -89.99994, "DESI-012.3457-89.9999", "DESI J012.3456-89.9999"),
    (0.03125, -0.03125, "DESI-000.0312-00.0312", "DESI J000.0312-00.0312"),  # exact ties go to the even digit
    (0.09375, 0.0001, "DESI-000.0938+00.0001", "DESI J000.0937+00.0001"),
    (0.02542, 21.6415, "DESI-000.0254+21.6415", "DESI J000.0254+21.6415"),
    (0.10629, -3.95586, "DESI-000.1063-03.9559", "DESI J000.1062-03.9558"),
    # 10^4 times a coordinate that is already cut to four decimals falls one unit short in double precision.
    (0.0009, 1.0009, "DESI-000.0009+01.0009", "DESI J000.0009+01.0008"),
    (-0.0, -0.0, "DESI-000.0000+00.0000", "DESI J000.0000+00.0000"),
]


@pytest.mark.parametrize("ra, dec, rounded, truncated", GOLDEN)
def test_golden_names(ra, dec, rounded, truncated):
    assert ids.name(ra, dec).tolist() == [rounded]
    assert ids.desiname(ra, dec).tolist() == [truncated]


def test_desiname_is_desiutils():
    rng = np.random.default_rng(7)
    ra = rng.uniform(0, 360, 50_000)
    dec = np.degrees(np.arcsin(rng.uniform(-1, 1, 50_000)))
    ra[:2000] = np.round(ra[:2000], 4) % 360  # coordinates cut to four decimals, where the product falls short
    dec[:2000] = np.round(dec[:2000], 4)
    dec[2000:2500] = rng.uniform(-2e-4, 2e-4, 500)
    expected = radec_to_desiname(ra, dec)
    ours = ids.desiname(ra, dec)
    assert ours.tolist() == expected.tolist()
    rounded = ids.name(ra, dec)
    differs = np.mean([a.split("-", 1)[1] != b.removeprefix("DESI J") for a, b in zip(rounded, ours, strict=True)])
    assert 0.70 < differs < 0.78  # three quarters of random positions


@given(st.floats(0, 360, exclude_max=True), st.floats(-90, 90))
@settings(deadline=None)
def test_names_hold_exact_arithmetic(ra, dec):
    def digits(value, rule):
        return Decimal(value).quantize(Decimal("0.0001"), rounding=rule)

    rounded_ra = digits(ra, ROUND_HALF_EVEN) % 360
    rounded_dec = digits(dec, ROUND_HALF_EVEN) + 0  # no minus at zero
    assert ids.name(ra, dec)[0] == f"DESI-{rounded_ra:08.4f}{rounded_dec:+08.4f}"


@pytest.mark.parametrize(
    "ra, dec", [(360.0, 0), (-1e-9, 0), (np.nan, 0), (0, np.nan), (0, 90.0001), (0, -91), (np.inf, 0)]
)
def test_names_refuse_what_is_no_position(ra, dec):
    for function in (ids.name, ids.desiname):
        with pytest.raises(PipelineError, match="cannot be named"):
            function([10.0, ra], [10.0, dec])


@pytest.mark.realdata
def test_published_names_are_rounded(skysieve_data):
    """A coordinate decides when rounding and truncation of its printed digits differ: 2036 rounded, 202 truncated.

    Ties (a fifth and last digit 5) count as rounded up or truncated here, though the printed digit may itself have
    been rounded; without them 1898 are rounded and 72 truncated. The others fit neither: their names come from other
    positions. The names of this package are the published ones wherever these are rounded and there is no tie.
    """
    name_of = re.compile(r"DESI-(\d{3}\.\d{4})([+-]\d{2}\.\d{4})")
    unit = Decimal("0.0001")
    counts = Counter()
    with (skysieve_data / "lens_catalogues" / "desi_imaging_candidates.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            published = name_of.fullmatch(row["name"]).groups()
            ours = name_of.fullmatch(ids.name(float(row["ra"]), float(row["dec"]))[0]).groups()
            for text, own, value in zip(published, ours, (Decimal(row["ra"]), Decimal(row["dec"])), strict=True):
                up, cut = value.quantize(unit, ROUND_HALF_UP), value.quantize(unit, ROUND_DOWN)
                if up == cut:
                    continue
                kind = {up: "rounded", cut: "truncated"}.get(Decimal(text), "neither")
                tie = abs(value - cut) * 2 == unit
                counts[kind] += 1
                counts[f"{kind} without ties"] += not tie
                if kind == "rounded" and not tie:
                    counts["ours"] += text == own
    print(dict(counts))
    assert (counts["rounded"], counts["truncated"]) == (2036, 202)
    assert (counts["rounded without ties"], counts["truncated without ties"]) == (1898, 72)
    assert counts["ours"] == 1898


@pytest.mark.realdata
@pytest.mark.parametrize(
    "file",
    ["fastspecfit/coadd-4-80613-thru20210324.fits", "specutils_edr/coadd-5-169-thru20210419.fits.gz"],
)
def test_ids_are_the_targetids_of_desi(skysieve_data, file):
    table = fits.getdata(skysieve_data / "desi" / file, "FIBERMAP")
    columns = {
        name: np.asarray(table[name]).astype(np.int64) for name in ("TARGETID", "BRICKID", "BRICK_OBJID", "RELEASE")
    }
    survey = (columns["RELEASE"] > 0) & (columns["BRICK_OBJID"] > 0) & (columns["TARGETID"] >> 58 == 0)
    assert survey.sum() > 0
    packed = ids.pack_object_id(columns["RELEASE"], columns["BRICKID"], columns["BRICK_OBJID"])
    np.testing.assert_array_equal(packed[survey], columns["TARGETID"][survey])


def test_a_targetid_by_hand():
    """Of tile 80613 in the DESI early data release, petal 4."""
    assert ids.pack_object_id(9011, 607466, 2657) == 39633345008634465
    assert [int(part) for part in ids.unpack_object_id(39633345008634465)] == [9011, 607466, 2657]


@given(
    st.lists(
        st.tuples(st.integers(0, 2**16 - 1), st.integers(0, 2**20 - 1), st.integers(0, 2**22 - 1)),
        min_size=1,
        max_size=20,
    )
)
@settings(deadline=None)
def test_pack_and_unpack(parts):
    release, brickid, objid = (np.array(column) for column in zip(*parts, strict=True))
    packed = ids.pack_object_id(release, brickid, objid)
    assert packed.dtype == np.int64 and (packed >= 0).all()
    assert len(set(packed.tolist())) == len(set(parts))
    for back, given_ in zip(ids.unpack_object_id(packed), (release, brickid, objid), strict=True):
        np.testing.assert_array_equal(back, given_)


@pytest.mark.parametrize("parts", [(2**16, 0, 0), (0, 2**20, 0), (0, 0, 2**22), (-1, 0, 0), (0, 0, -1)])
def test_parts_that_do_not_fit(parts):
    with pytest.raises(PipelineError, match="do not fit"):
        ids.pack_object_id(*(np.array([1, part]) for part in parts))


def test_small_unsigned_and_wide_types_pack_alike():
    release = np.array([9010], dtype=np.int16)
    objid = np.array([4_000_000], dtype=np.int32)
    assert (
        ids.pack_object_id(release, np.array([600_000], dtype=np.int32), objid)[0]
        == 9010 << 42 | 600_000 << 22 | 4_000_000
    )


def test_hashed_ids():
    names = [f"cutout_{number}.fits" for number in range(2000)]
    found = ids.hash_object_id(names)
    assert len(set(found.tolist())) == 2000 and (found >= 2**62).all()
    np.testing.assert_array_equal(ids.hash_object_id(names[::-1])[::-1], found)
    assert ids.hash_object_id(["a", "a"]).tolist() == [ids.hash_object_id(["a"])[0]] * 2
    with pytest.raises(PipelineError, match="not packed"):
        ids.unpack_object_id(found)


def test_hash_collision_is_found(monkeypatch):
    monkeypatch.setattr(ids, "_hash", lambda text: len(text))
    assert ids.hash_object_id(["ab", "ab", "c"]).tolist() == [2, 2, 1]
    with pytest.raises(PipelineError, match="same object id"):
        ids.hash_object_id(["ab", "cd"])
