"""FITS as bytes: what astropy reads of the same file; truncated and corrupt files are named."""

import gzip

import numpy as np
import pytest
from astropy.io import fits
from spectrum_files import table, write_coadd, write_spec

from pipeline.surveys import fitsblocks
from pipeline.surveys.fitsblocks import read_blocks
from pipeline.surveys.unreadable import UnreadableFile


def everything(*_):
    return True


@pytest.fixture
def mixed(tmp_path):
    """A file with all types of columns, scaled columns, unsigned and scaled images, and odd cards."""
    rows = 7
    generator = np.random.default_rng(1)
    columns = [
        fits.Column("text", "5A", array=["a", "bb ", "ccc", "", "é"[:0], "eeeee", "x y"]),
        fits.Column("Byte", "B", array=np.arange(rows)),
        fits.Column("bits", "11X", array=np.zeros((rows, 11), bool)),
        fits.Column("short", "I", array=-np.arange(rows)),
        fits.Column("long", "K", array=np.arange(rows) + 2**60),
        fits.Column("unsigned", "J", bzero=2**31, array=np.arange(rows, dtype=np.uint32) + 2**31),
        fits.Column("scaled", "I", array=np.arange(rows)),
        fits.Column("pair", "2E", array=generator.normal(size=(rows, 2))),
        fits.Column("varying", "PE()", array=np.array([np.ones(k) for k in range(rows)], dtype=object)),
        fits.Column("complex", "C", array=np.ones(rows, "c8")),
        fits.Column("double", "D", array=generator.normal(size=rows)),
    ]
    primary = fits.PrimaryHDU(generator.normal(size=(3, 4)))
    primary.header["QUOTED"] = ("it's / no comment", "a comment")
    primary.header["WHOLE"], primary.header["REAL"], primary.header["TRUE"] = 5, 1.5e-4, True
    hdus = [primary, fits.BinTableHDU.from_columns(columns, name="MIXED")]
    for name, kind in (("U", "u4"), ("I", "i2"), ("F", "f4"), ("B", "u1")):
        hdus.append(fits.ImageHDU(np.arange(12).reshape(3, 4).astype(kind), name=name))
    path = tmp_path / "mixed.fits"
    # astropy scales such columns when it writes them; so the cards get their names afterwards.
    hdus[1].header["XSCAL7"], hdus[1].header["XZERO7"] = 0.5, 3.0
    fits.HDUList(hdus).writeto(path)
    path.write_bytes(path.read_bytes().replace(b"XSCAL7", b"TSCAL7").replace(b"XZERO7", b"TZERO7"))
    return path


def test_beside_astropy(mixed):
    blocks = read_blocks(mixed, everything)
    with fits.open(mixed) as theirs:
        assert [block.name for block in blocks] == [hdu.name.replace("PRIMARY", "") for hdu in theirs]
        for key in ("QUOTED", "WHOLE", "REAL", "TRUE"):
            assert blocks[0].cards[key] == theirs[0].header[key]
        names = [name for name in theirs[1].columns.names if name not in ("bits", "varying", "complex")]
        found = blocks[1].columns(tuple(name.lower() for name in names))
        for name in names:
            wanted = np.asarray(theirs[1].data[name])
            np.testing.assert_array_equal(found[name.lower()], np.char.strip(wanted) if name == "text" else wanted)
            assert found[name.lower()].dtype.isnative
        for block, hdu in zip(blocks[2:], theirs[2:], strict=True):
            np.testing.assert_array_equal(block.image(), hdu.data)


def test_what_is_not_wanted_is_skipped(mixed):
    blocks = read_blocks(mixed, lambda number, name: name == "F")
    assert [block.data is not None for block in blocks] == [False, False, False, False, True, False]
    np.testing.assert_array_equal(blocks[4].image(), np.arange(12).reshape(3, 4))


def test_gzip_is_seen_by_content(mixed, tmp_path):
    packed = tmp_path / "packed"
    packed.write_bytes(gzip.compress(mixed.read_bytes()))
    for wanted in (everything, lambda *_: False):
        assert [one.data for one in read_blocks(packed, wanted)] == [one.data for one in read_blocks(mixed, wanted)]


def test_large_files_are_mapped(mixed, monkeypatch):
    plain = read_blocks(mixed, everything)
    monkeypatch.setattr(fitsblocks, "_MAPPED", 1)
    for one, other in zip(plain, read_blocks(mixed, everything), strict=True):
        assert not isinstance(other.data, bytes) and bytes(other.data) == one.data
    np.testing.assert_array_equal(
        read_blocks(mixed, everything)[1].columns(("pair",))["pair"], plain[1].columns(("pair",))["pair"]
    )
    whole = mixed.read_bytes()
    mixed.write_bytes(whole[:-3000])
    with pytest.raises(UnreadableFile, match="ends early"):
        read_blocks(mixed, everything)


def test_missing_columns(mixed):
    table_block = read_blocks(mixed, everything)[1]
    assert list(table_block.columns(("double",), ("none", "byte", "double"))) == ["double", "byte"]
    with pytest.raises(UnreadableFile, match="absent"):
        table_block.columns(("absent",))
    with pytest.raises(UnreadableFile, match="no table"):
        read_blocks(mixed, everything)[2].columns(("double",))


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("write", [write_spec, write_coadd])
def test_a_file_that_ends_early_is_named(tmp_path, write, packed):
    """Cut anywhere, whatever is wanted of it."""
    whole = tmp_path / "spec-3655-55240-0002.fits"
    write(whole)
    content = whole.read_bytes()
    if packed:
        content = gzip.compress(content, 1)
    half = tmp_path / "half.fits"
    for share in (0.02, 0.3, 0.7, 0.9, 0.97):
        half.write_bytes(content[: int(len(content) * share)])
        for wanted in (everything, lambda *_: False):
            with pytest.raises(UnreadableFile, match="truncated|not a FITS"):
                read_blocks(half, wanted)


def test_a_changed_byte_is_noticed(tmp_path):
    path = tmp_path / "spec-3655-55240-0002.fits"
    write_spec(path)
    content = bytearray(path.read_bytes())
    content[content.index(b"COADD") + 9000] ^= 1
    path.write_bytes(content)
    with pytest.raises(UnreadableFile, match="checksum"):
        read_blocks(path, everything)


def test_other_files(tmp_path):
    (tmp_path / "text.fits").write_text("hello" * 1000)
    with pytest.raises(UnreadableFile, match="not a FITS"):
        read_blocks(tmp_path / "text.fits", everything)
    (tmp_path / "empty.fits").write_bytes(b"")
    with pytest.raises(UnreadableFile, match="empty"):
        read_blocks(tmp_path / "empty.fits", everything)
    with pytest.raises(UnreadableFile, match="not found"):
        read_blocks(tmp_path / "none.fits", everything)


def test_a_table_without_rows(tmp_path):
    hdu = table({"A": ("J", np.zeros(0, "i4"))})
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(tmp_path / "none.fits")
    assert len(read_blocks(tmp_path / "none.fits", everything)[1].columns(("a",))["a"]) == 0
