"""Pictures of objects in the colours of the survey's viewer."""

import io
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from PIL import Image

from pipeline.data.shards import ImageShard
from pipeline.errors import PipelineError
from pipeline.images.colour import viewer_rgb


@dataclass(frozen=True)
class Cutout:
    """One image: flux (3, H, W) in nanomaggies, bands g, r, z, and the scale in arcsec a pixel."""

    image: np.ndarray
    pixel_scale: float


def cutouts(shards: Iterable[ImageShard], object_id: np.ndarray) -> dict[int, Cutout]:
    """Return the images of some objects by id, reading only their rows.

    Raises
    ------
    PipelineError
        An object is in none of the shards.
    """
    wanted = np.unique(np.asarray(object_id, dtype=np.int64))
    found = {}
    for shard in shards:
        with shard:
            ids = shard.object_id
            rows = np.flatnonzero(np.isin(ids, wanted))
            if len(rows):
                scale = float(shard.attrs["pixel_scale"])
                for row, image in zip(rows, shard.read(rows), strict=True):
                    found[int(ids[row])] = Cutout(image, scale)
    missing = [value for value in wanted.tolist() if value not in found]
    if missing:
        raise PipelineError(f"{len(missing)} object(s) have no image", value=missing[:5])
    return found


def picture(image: np.ndarray, gain: float, pixels: int) -> np.ndarray:
    """Return the middle of an image as (n, n, 3) uint8 in viewer colours, north up and east to the left.

    Parameters
    ----------
    image : (3, H, W), nanomaggies; its first row is the southern one, as in FITS
    gain : float
        Factor on the flux: above 1 it lifts faint features and saturates bright ones.
    pixels : int
        Side of the part shown; the whole image when that is smaller.
    """
    height, width = image.shape[1:]
    side = min(pixels, height, width)
    top, left = (height - side) // 2, (width - side) // 2
    middle = np.nan_to_num(np.asarray(image[:, top : top + side, left : left + side], dtype=np.float64))
    colours = np.moveaxis(viewer_rgb(middle * gain), 0, -1)
    return np.round(colours[::-1] * 255).astype(np.uint8)


def jpeg(pixels: np.ndarray, quality: int) -> bytes:
    """Return an image (H, W, 3) uint8 as a JPEG file, colours at full resolution (arcs are thin and coloured)."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="JPEG", quality=quality, subsampling=0)
    return buffer.getvalue()
