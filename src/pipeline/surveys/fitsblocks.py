"""FITS read as bytes: the tables and images of many small files, without an object for every column.

A spec file has a table of 236 columns, of which twelve are wanted; astropy spends 100 ms on the others. What is not
read here is skipped, and a file that ends early, or whose checksums do not agree, is named.
"""

import gzip
import re
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from pipeline.surveys.unreadable import UnreadableFile

_BLOCK, _CARD = 2880, 80
_MAPPED = 1 << 26  # bytes from which the data of a plain file are mapped, not read: DR16Q has 1.6 GB
_IMAGE = {8: "u1", 16: ">i2", 32: ">i4", 64: ">i8", -32: ">f4", -64: ">f8"}
_TABLE = {"L": "S1", "B": "u1", "I": ">i2", "J": ">i4", "K": ">i8", "E": ">f4", "D": ">f8", "A": "S"}
_WIDTH = {"X": 1 / 8, "C": 8, "M": 16, "P": 8, "Q": 16}  # formats that are passed over, bytes
_FORM = re.compile(r"(\d*)([A-Z])")


def _value(text: str) -> str | int | float | bool:
    """Return the value of a card: what follows `= `, without the comment."""
    text = text.strip()
    if text.startswith("'"):
        end = re.match(r"'((?:[^']|'')*)'", text)
        return (end[1] if end else text[1:]).replace("''", "'").rstrip()
    word = text.split("/", 1)[0].strip()
    if word in ("T", "F"):
        return word == "T"
    try:
        return int(word)
    except ValueError:
        pass
    try:
        return float(word.replace("D", "E"))
    except ValueError:
        return word


@dataclass(frozen=True)
class Block:
    """One HDU: its cards, and its bytes where they were read.

    Attributes
    ----------
    name : str
        EXTNAME in upper case, or "".
    cards : dict
    data : bytes, array of bytes, or None
        Without the padding.
    where : str
    """

    name: str
    cards: dict
    data: bytes | np.ndarray | None
    where: str

    def image(self) -> np.ndarray:
        """Return the image in native byte order; integers with BZERO come as such (unsigned ones as int64)."""
        kind = _IMAGE[self.cards["BITPIX"]]
        shape = [self.cards[f"NAXIS{axis}"] for axis in range(self.cards["NAXIS"], 0, -1)]
        values = np.frombuffer(self.data, dtype=kind).reshape(shape)
        return self._scaled(values, self.cards.get("BSCALE", 1), self.cards.get("BZERO", 0))

    def layout(self) -> dict[str, tuple[int, str, int]]:
        """Return name in lower case -> (number of the column, numpy type, offset in the row), types known here only."""
        found, offset = {}, 0
        for number in range(1, self.cards["TFIELDS"] + 1):
            repeat, code = _FORM.match(self.cards[f"TFORM{number}"]).groups()
            repeat = int(repeat) if repeat else 1
            name = str(self.cards.get(f"TTYPE{number}", "")).lower()
            if code in _TABLE:
                kind = f"S{repeat}" if code == "A" else _TABLE[code]
                shaped = kind if code == "A" or repeat == 1 else f"({repeat},){kind}"
                if repeat:
                    found[name] = (number, shaped, offset)
                offset += repeat if code == "A" else repeat * np.dtype(kind).itemsize
            elif code in _WIDTH:
                offset += int(np.ceil(repeat * _WIDTH[code]))
            else:
                raise UnreadableFile("a column's format is unknown", where=self.where, value=code)
        return found

    def columns(self, needed: tuple[str, ...], wanted: tuple[str, ...] = ()) -> dict[str, np.ndarray]:
        """Return columns (rows,) or (rows, k) by lower-case name, in native byte order, text as str.

        Raises
        ------
        UnreadableFile
            A needed column is missing, or this HDU is no table.
        """
        if self.cards.get("XTENSION") != "BINTABLE" or self.data is None:
            raise UnreadableFile("no table where one belongs", where=self.where, value=self.name)
        layout = self.layout()
        missing = [name for name in needed if name not in layout]
        if missing:
            raise UnreadableFile(
                "the table lacks columns", where=f"{self.where}[{self.name}]", value=", ".join(missing)
            )
        names = [name for name in dict.fromkeys((*needed, *wanted)) if name in layout]
        kind = np.dtype(
            {
                "names": names,
                "formats": [layout[name][1] for name in names],
                "offsets": [layout[name][2] for name in names],
                "itemsize": self.cards["NAXIS1"],
            }
        )
        table = np.frombuffer(self.data[: self.cards["NAXIS1"] * self.cards["NAXIS2"]], dtype=kind)
        out = {}
        for name in names:
            values = table[name]
            if values.dtype.kind == "S":
                out[name] = np.char.strip(np.char.decode(values, "latin-1"), " \0")
            else:
                number = layout[name][0]
                scale, zero = (self.cards.get(f"{key}{number}", start) for key, start in (("TSCAL", 1), ("TZERO", 0)))
                out[name] = self._scaled(values, scale, zero)
        return out

    @staticmethod
    def _scaled(values: np.ndarray, scale, zero) -> np.ndarray:
        values = np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("="))
        if scale == 1 and zero == 0:
            return values
        if scale == 1 and values.dtype.kind in "iu" and float(zero).is_integer() and values.dtype.itemsize < 8:
            return values.astype(np.int64) + int(zero)
        return values * scale + zero


def _cards(file: BinaryIO, where: str) -> dict | None:
    """Read one header; None at the end of the file."""
    cards: dict = {}
    while True:
        block = file.read(_BLOCK)
        if not block and not cards:
            return None
        if len(block) < _BLOCK:
            raise UnreadableFile("this FITS file is truncated or corrupt", where=where, value="a header ends early")
        if not cards and not (block.startswith(b"SIMPLE  =") or block.startswith(b"XTENSION=")):
            raise UnreadableFile("not a FITS file", where=where, value=block[:8])
        text = block.decode("latin-1")
        for start in range(0, _BLOCK, _CARD):
            key = text[start : start + 8].rstrip()
            if key == "END":
                return cards
            if text[start + 8 : start + 10] == "= " and key not in cards:
                cards[key] = _value(text[start + 10 : start + _CARD])


def _data_bytes(cards: dict) -> int:
    if not cards.get("NAXIS"):
        return 0
    size = abs(cards["BITPIX"]) // 8 * cards.get("GCOUNT", 1)
    shape = [cards[f"NAXIS{axis}"] for axis in range(1, cards["NAXIS"] + 1)]
    return size * (cards.get("PCOUNT", 0) + int(np.prod(shape, dtype=np.int64)))


def _check_sum(cards: dict, data: bytes | np.ndarray, where: str) -> None:
    """Compare with DATASUM (FITS standard 4.0, appendix J), where the file has it."""
    stated = str(cards.get("DATASUM", "")).strip()
    if not stated.isdigit() or not len(data):
        return
    whole = len(data) // 4 * 4
    total = int(np.frombuffer(data[:whole], dtype=">u4").sum(dtype=np.uint64))
    total += int.from_bytes(bytes(data[whole:]).ljust(4, b"\0"), "big")
    while total >> 32:
        total = (total & 0xFFFFFFFF) + (total >> 32)
    if total != int(stated):
        raise UnreadableFile("a checksum of this FITS file does not agree", where=where, value=f"{total}, not {stated}")


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        if not packed:
            yield file
            return
        with gzip.GzipFile(fileobj=file) as unpacked:
            yield unpacked


def _data(path: Path, file: BinaryIO, size: int) -> bytes | np.ndarray:
    """Return the next bytes of a file, at most `size`."""
    if size < _MAPPED or isinstance(file, gzip.GzipFile):
        return file.read(size)
    start = file.tell()
    size = min(size, path.stat().st_size - start)
    file.seek(size, 1)
    return np.memmap(path, dtype=np.uint8, mode="r", offset=start, shape=size)


def read_blocks(path: Path | str, wanted: Callable[[int, str], bool]) -> list[Block]:
    """Return the HDUs of a file, plain or gzip; the data of those for which wanted(number, name) holds are read.

    The whole file is passed over, so that one that ends early is refused whatever is wanted.

    Raises
    ------
    UnreadableFile
        Missing, truncated, not FITS, a checksum of what is read does not agree.
    """
    path, blocks = Path(path), []
    try:
        with _opened(path) as file:
            while (cards := _cards(file, str(path))) is not None:
                name, size = str(cards.get("EXTNAME", "")).upper(), _data_bytes(cards)
                padded = -(-size // _BLOCK) * _BLOCK
                data = None
                if wanted(len(blocks), name):
                    data = _data(path, file, padded)
                    short = len(data) < padded
                elif padded:
                    file.seek(padded - 1, 1)
                    short = len(file.read(1)) < 1
                else:
                    short = False
                if short:
                    raise UnreadableFile(
                        "this FITS file is truncated or corrupt",
                        where=path,
                        value=f"HDU {name or len(blocks)} ends early",
                        next="fetch the file again",
                    )
                if data is not None:
                    data = data[:size]
                    _check_sum(cards, data, f"{path}[{name or len(blocks)}]")
                blocks.append(Block(name, cards, data, str(path)))
    except UnreadableFile:
        raise
    except FileNotFoundError:
        raise UnreadableFile("file not found", where=path) from None
    except PermissionError:
        raise UnreadableFile("no permission to read this file", where=path) from None
    except (OSError, EOFError, ValueError, KeyError, TypeError, zlib.error) as error:
        text = str(error).strip().splitlines() or [type(error).__name__]
        raise UnreadableFile(
            "this FITS file is truncated or corrupt", where=path, value=text[0], next="fetch the file again"
        ) from None
    if not blocks:
        raise UnreadableFile("this file is empty", where=path)
    return blocks
