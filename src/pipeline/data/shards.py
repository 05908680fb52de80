"""Shards: one HDF5 file of rows, images with their catalogue columns or one result a row. Bytes are deterministic."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np

from pipeline.data import quantize
from pipeline.errors import PipelineError

COMPRESSIONS = ("none", "lossless", "quantized")
# What lies in a shard beside the catalogue columns.
_PIXELS = ("image", "quantized")
_PIECE = 64  # images that are quantized at a time, which bounds the memory


@contextmanager
def new_file(path: Path) -> Iterator[h5py.File]:
    """Open a new HDF5 file, whose bytes go through a file of Python's.

    When the disk is full, HDF5's own writing leaves its library broken, and the process crashes before it can say why.
    """
    with Path(path).open("w+b") as raw, h5py.File(raw, "w", libver=("earliest", "v114")) as file:
        yield file


def _create(group: h5py.File, name: str, values: np.ndarray) -> None:
    """Write one column; text becomes fixed-length UTF-8 (variable-length text has no fixed place in the file)."""
    values = np.asarray(values)
    if values.dtype.kind in "OUT":
        encoded = np.array([str(value).encode() for value in values], dtype=bytes)
        values = encoded.astype(f"S{max(1, encoded.dtype.itemsize)}")
    group.create_dataset(name, data=values, track_times=False)


def _text(values: np.ndarray) -> np.ndarray:
    if values.dtype.kind == "S":
        return np.char.decode(values, "utf-8").astype(object)
    return values


def _open(path: Path) -> h5py.File:
    try:
        return h5py.File(path, "r")
    except FileNotFoundError:
        raise PipelineError("shard not found", where=path, next="skysieve check RUN, then snakemake") from None
    except OSError as error:
        raise PipelineError(
            "this shard cannot be read as HDF5",
            where=path,
            value=str(error).splitlines()[0],
            next="skysieve check RUN removes its manifest; then run snakemake again",
        ) from None


def _packed(shape: tuple[int, int, int, int], codec: str, level: int) -> dict:
    """Return the layout of a packed dataset: one image a chunk; nothing without rows, which HDF5 would refuse."""
    import hdf5plugin

    return {"chunks": (1, *shape[1:]), **hdf5plugin.Blosc(cname=codec, clevel=level, shuffle=1)} if shape[0] else {}


class _Plain:
    """Images as float32: dataset `image` (N, 3, H, W)."""

    def __init__(self, file: h5py.File, shape: tuple[int, int, int, int], compression: str):
        layout = _packed(shape, "lz4", 5) if compression == "lossless" else {}
        self._image = file.create_dataset("image", shape=shape, dtype="<f4", track_times=False, **layout)

    def write(self, start: int, images: np.ndarray, object_id: np.ndarray) -> None:
        self._image[start : start + len(images)] = images


class _Quantized:
    """Images as integers: group `quantized`.

    `codes` and `codes_high` (N, 3, H, W) uint16 are the lower and the upper half of a pixel's code; `codes_high` has
    chunks for the rows alone that `wide` (N,) names. `step` (N, 3) nanomaggies and `zero` (N, 3) as in
    `data.quantize.Quantized`.
    """

    def __init__(self, file: h5py.File, shape: tuple[int, int, int, int], compression: str):
        group = file.create_group("quantized")
        # Bytes, not bits, are shuffled: Zstandard's entropy coder then sees the noise as one byte a pixel, and comes
        # within 2 % of its entropy; with shuffled bits a quarter more remains.
        packed = _packed(shape, "zstd", 3)
        layouts = {
            "codes": (shape, "<u2", packed),
            "codes_high": (shape, "<u2", packed),
            "step": (shape[:2], "<f4", {}),
            "wide": (shape[:1], "u1", {}),
            "zero": (shape[:2], "<i4", {}),
        }
        self._parts = {
            name: group.create_dataset(name, shape=size, dtype=dtype, track_times=False, **layout)
            for name, (size, dtype, layout) in layouts.items()
        }

    def write(self, start: int, images: np.ndarray, object_id: np.ndarray) -> None:
        for first in range(0, len(images), _PIECE):
            piece = slice(first, first + _PIECE)
            self._write(start + first, quantize.encode(images[piece], object_id[piece]))

    def _write(self, start: int, found: quantize.Quantized) -> None:
        parts, rows = self._parts, slice(start, start + len(found.codes))
        high = (found.codes >> np.uint32(16)).astype(np.uint16)
        wide = high.any(axis=(1, 2, 3))
        parts["codes"][rows] = found.codes.astype(np.uint16)
        for row in np.flatnonzero(wide).tolist():
            parts["codes_high"][start + row] = high[row]
        parts["step"][rows], parts["wide"][rows], parts["zero"][rows] = found.step, wide, found.zero


class ImageShardWriter:
    """Write an image shard piece by piece.

    Parameters
    ----------
    path : Path
        File to write (give a temporary path; see `data.atomic`).
    shape : tuple
        (N, 3, H, W).
    attrs : dict
        `bands` (list of text), `pixel_scale` (arcsec), `psf` (text: the convention of the PSF columns), ...
    compression : str
        "none": contiguous; "lossless": one image a chunk, byte shuffle and LZ4; "quantized": see `data.quantize`, one
        image a chunk, byte shuffle and Zstandard.
    object_id : array (N,), int64
        Identities of the rows.
    """

    def __init__(
        self,
        path: Path,
        shape: tuple[int, int, int, int],
        attrs: Mapping,
        compression: str,
        object_id: np.ndarray,
    ):
        if compression not in COMPRESSIONS:
            raise PipelineError("unknown compression", value=compression, allowed=", ".join(COMPRESSIONS))
        self._shape, self._object_id = shape, np.asarray(object_id, dtype=np.int64)
        self._path = path
        self._opened = new_file(path)
        self._file = self._opened.__enter__()
        self._store = (_Quantized if compression == "quantized" else _Plain)(self._file, shape, compression)
        for key, value in sorted({**attrs, "rows": shape[0]}.items()):
            if isinstance(value, list):
                value = np.array([str(item).encode() for item in value])
            self._file.attrs[key] = value

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self._opened.__exit__(*exception)

    def write(self, start: int, images: np.ndarray) -> None:
        """Write images (n, 3, H, W), nanomaggies, at rows start .. start+n."""
        self._store.write(start, images, self._object_id[start : start + len(images)])

    def write_rows(self, rows: np.ndarray, images: np.ndarray) -> None:
        """Write images (n, 3, H, W) at the given rows (n,), in any order."""
        for row, image in zip(np.asarray(rows).tolist(), images, strict=True):
            self.write(row, image[None])

    def columns(self, columns: Mapping[str, np.ndarray]) -> None:
        """Write the catalogue columns, each (N,); `object_id` is one of them.

        Raises
        ------
        PipelineError
            A column has another number of rows than the images, or `object_id` is not what the images came with.
        """
        for name in sorted(columns):
            if len(columns[name]) != self._shape[0]:
                raise PipelineError(
                    "a column and the images differ in length",
                    where=f"{self._path}: {name}",
                    value=f"{len(columns[name])} rows, {self._shape[0]} images",
                )
        if not np.array_equal(columns["object_id"], self._object_id):
            raise PipelineError("the column object_id is not that of the images", where=self._path)
        for name in sorted(columns):
            _create(self._file, name, np.asarray(columns[name]))


def write_image_shard(path: Path, images: np.ndarray, columns: Mapping, attrs: Mapping, compression: str) -> None:
    """Write images (N, 3, H, W) and columns (N,) as one shard; see `ImageShardWriter`."""
    with ImageShardWriter(path, images.shape, attrs, compression, columns["object_id"]) as shard:
        shard.write(0, images)
        shard.columns(columns)


class ImageShard:
    """Read an image shard. The file is opened at first use, so that the object can be sent to another process.

    Parameters
    ----------
    path : Path
    """

    def __init__(self, path: Path):
        self.path = Path(path)
        self._file: h5py.File | None = None
        self._steps: tuple[np.ndarray, ...] | None = None

    def __getstate__(self):
        return {"path": self.path, "_file": None, "_steps": None}

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def close(self) -> None:
        """Close the file; it is opened again at the next use."""
        if self._file is not None:
            self._file.close()
            self._file = self._steps = None

    @property
    def _h5(self) -> h5py.File:
        if self._file is None:
            import hdf5plugin  # noqa: F401  (registers the decompressors)

            self._file = _open(self.path)
            if not any(name in self._file for name in _PIXELS) or "object_id" not in self._file:
                raise PipelineError(
                    "not an image shard", where=self.path, value=sorted(self._file), allowed="image, object_id, columns"
                )
        return self._file

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Shape of the images, (N, 3, H, W)."""
        return self._h5["image" if "image" in self._h5 else "quantized/codes"].shape

    @property
    def attrs(self) -> dict:
        """Attributes of the file; `bands` is a list of text."""
        values = {}
        for key, value in self._h5.attrs.items():
            if isinstance(value, np.ndarray):
                value = [item.decode() if isinstance(item, bytes) else item for item in value.tolist()]
            values[key] = value.item() if isinstance(value, np.generic) else value
        return values

    @property
    def columns(self) -> list[str]:
        """Names of the catalogue columns."""
        return sorted(name for name in self._h5 if name not in _PIXELS)

    @property
    def object_id(self) -> np.ndarray:
        """Identities, int64 (N,)."""
        return self.column("object_id")

    def column(self, name: str) -> np.ndarray:
        """Return one catalogue column (N,); text as an object array.

        Raises
        ------
        PipelineError
            The shard has no such column.
        """
        if name in _PIXELS or name not in self._h5:
            raise PipelineError(
                "the shard has no such column", where=self.path, value=name, allowed=", ".join(self.columns)
            )
        return _text(self._h5[name][()])

    def read(self, rows: slice | np.ndarray) -> np.ndarray:
        """Return images (n, 3, H, W), float32 nanomaggies, of a slice or of row numbers in any order."""
        if isinstance(rows, slice):
            start, stop, step = rows.indices(len(self))
            if step == 1:
                return self._block(start, max(start, stop))
            rows = np.arange(start, stop, step)
        rows = np.asarray(rows, dtype=np.int64)
        out = np.empty((len(rows), *self.shape[1:]), dtype=np.float32)
        # One hyperslab a run of consecutive rows: h5py's own index lists are far slower.
        order = np.argsort(rows, kind="stable")
        breaks = np.flatnonzero(np.diff(rows[order]) != 1) + 1
        for run in np.split(order, breaks):
            if len(run):
                first = int(rows[run[0]])
                out[run] = self._block(first, first + len(run))
        return out

    def _block(self, start: int, stop: int) -> np.ndarray:
        """Return images (stop - start, 3, H, W) of consecutive rows."""
        if "image" in self._h5:
            return self._h5["image"][start:stop]
        group = self._h5["quantized"]
        if self._steps is None:
            starts = quantize.dither_starts(self.object_id, self.shape[1])
            self._steps = (group["step"][()], group["zero"][()], starts, group["wide"][()])
        step, zero, starts, wide = self._steps
        codes = group["codes"][start:stop]
        out = np.empty(codes.shape, dtype=np.float32)
        for row, place in enumerate(range(start, stop)):
            high = group["codes_high"][place] if wide[place] else None
            quantize.decode(codes[row], high, step[place], zero[place], starts[place], out[row])
        return out


def write_result_shard(path: Path, *, object_id: np.ndarray, **arrays: np.ndarray) -> None:
    """Write identities (N,) and one result a row, arrays of N rows each.

    Raises
    ------
    PipelineError
        The arrays differ in length.
    """
    with new_file(path) as file:
        for name, values in sorted({"object_id": np.asarray(object_id, dtype=np.int64), **arrays}.items()):
            if len(values) != len(object_id):
                raise PipelineError("arrays of a result differ in length", where=f"{path}: {name}", value=len(values))
            _create(file, name, np.asarray(values))


def read_result_shard(path: Path, names: list[str] | None = None) -> dict[str, np.ndarray]:
    """Return the arrays of a result shard by name; `object_id` is always among them.

    Raises
    ------
    PipelineError
        The file is missing, is not HDF5, or lacks a name.
    """
    with _open(Path(path)) as file:
        wanted = sorted(file) if names is None else ["object_id", *names]
        missing = [name for name in wanted if name not in file]
        if missing:
            raise PipelineError("the result shard lacks a dataset", where=path, value=missing, allowed=sorted(file))
        return {name: _text(file[name][()]) for name in wanted}
