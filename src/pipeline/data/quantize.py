"""Images as small integers: pixels in steps of a sixteenth of the noise, with subtractive dither.

After Pence, White & Seaman 2010 (PASP 122, 1065): a pixel is rounded to a whole number of steps after a random
number was added (the dither), which is subtracted again when the image is read. The error is then uniform within half
a step and independent of the pixel's value, so that sums over pixels are not biased. A step of sigma / 16 adds a
variance of (1/16)^2 / 12 = 0.03 % to that of the noise.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np

from pipeline.data import random
from pipeline.errors import PipelineError

STEPS_PER_SIGMA = 16
# Standard deviation of a normal distribution in units of its median absolute deviation, 1 / Phi^-1(3/4).
_SIGMA_PER_MAD = 1.482602218505602
_FEWEST = 16  # differences from which a noise is measured
# At more steps than this float32 itself is coarser than a step.
_MOST_STEPS = 2**24
# The low byte of the pixels' median: values within 8 sigma share their high byte, which then packs to nothing.
_MIDDLE = 128
_TABLE = 2**16


@dataclass(frozen=True)
class Quantized:
    """Images as integers.

    Attributes
    ----------
    codes : array (N, B, H, W), uint32
        0 for a pixel without datum (exactly 0 in the image). In a band whose step is 0: the bits of the float32.
    step : array (N, B), float32
        Nanomaggies. 0: this band of the image is kept as it is.
    zero : array (N, B), int32
        The code of no flux, so that a pixel is (code - zero - dither) * step.
    """

    codes: np.ndarray
    step: np.ndarray
    zero: np.ndarray


def noise(images: np.ndarray) -> np.ndarray:
    """Return the noise of each image and band (N, B), nanomaggies, float64; NaN where too few pixels are known.

    From the median of |2 x[i] - x[i-2] - x[i+2]| along rows (Stoehr et al. 2007, ASPC 394, 505, as in FITS tile
    compression). Smooth light cancels; pixels two apart are hardly correlated in a resampled image. The image's own
    noise is taken rather than the catalogue's depth, which not every survey has and which is that of another place
    for objects near an edge. images : array (N, B, H, W); pixels that are exactly 0 do not count.
    """
    images = np.asarray(images, dtype=np.float32)
    out = np.full(images.shape[:2], np.nan)
    if images.shape[-1] < 5:
        return out
    for place in np.ndindex(out.shape):
        image = images[place]
        known = image != 0
        second = np.abs(2 * image[:, 2:-2] - image[:, :-4] - image[:, 4:])
        if not known.all():
            second = second[known[:, 2:-2] & known[:, :-4] & known[:, 4:]]
        if second.size >= _FEWEST:
            out[place] = _SIGMA_PER_MAD / np.sqrt(6) * np.median(second)
    return out


@cache
def _table(pixels: int) -> np.ndarray:
    """Return dithers (65536 + pixels,), float32 within half a step of 0; the first are the same for any `pixels`."""
    words = random.uniform(0, "dither", 0, np.zeros(1, dtype=np.int64), _TABLE + pixels)[0]
    # 16 bits and a half: symmetric about 0, and exact in float32.
    table = ((np.floor(words * 2.0**16) + 0.5) * 2.0**-16 - 0.5).astype(np.float32)
    table.flags.writeable = False
    return table


def dither_starts(object_id: np.ndarray, bands: int) -> np.ndarray:
    """Return where in the table the dither of each object (N,) and band begins, (N, bands) int64, by their hash."""
    return (random.words(0, "dither start", 0, object_id, bands) >> np.uint64(48)).astype(np.int64)


def _dither(start: int, shape: tuple[int, int]) -> np.ndarray:
    return _table(shape[0] * shape[1])[start : start + shape[0] * shape[1]].reshape(shape)


def encode(images: np.ndarray, object_id: np.ndarray) -> Quantized:
    """Quantize images.

    A band without measurable noise, or with more than 2^24 steps, is kept as it is.

    Parameters
    ----------
    images : array (N, B, H, W)
        Nanomaggies, float32; exactly 0 where there is no datum.
    object_id : array (N,), int64

    Raises
    ------
    PipelineError
        A pixel is not finite.
    """
    images = np.asarray(images, dtype=np.float32)
    if not np.isfinite(images).all():
        bad = int(np.flatnonzero(~np.isfinite(images).all(axis=(1, 2, 3)))[0])
        raise PipelineError(
            "an image to be quantized has pixels that are not finite",
            where=f"object {object_id[bad]}",
            allowed="numbers, and 0 where there is no datum",
        )
    step = np.nan_to_num(noise(images) / STEPS_PER_SIGMA).astype(np.float32)
    reach = np.abs(images).max(axis=(2, 3), initial=0).astype(np.float64)
    step[(step < np.finfo(np.float32).tiny) | (reach > _MOST_STEPS * step.astype(np.float64))] = 0
    codes = np.zeros(images.shape, dtype=np.uint32)
    zero = np.zeros(step.shape, dtype=np.int32)
    starts = dither_starts(object_id, images.shape[1])
    for place in np.ndindex(step.shape):
        image = images[place]
        if step[place] == 0:
            codes[place] = image.view(np.uint32)
            continue
        whole = np.rint(image / np.float64(step[place]) + _dither(starts[place], image.shape))
        known = image != 0
        data = whole if known.all() else whole[known]
        shift = _MIDDLE - int(np.median(data.ravel()[::4]))  # a quarter of the pixels is enough to find the middle
        shift += 256 * max(0, -((int(data.min()) + shift - 1) // 256))
        codes[place] = np.where(known, whole + shift, 0)
        zero[place] = shift
    return Quantized(codes, step, zero)


def decode(
    low: np.ndarray, high: np.ndarray | None, step: np.ndarray, zero: np.ndarray, starts: np.ndarray, out: np.ndarray
) -> None:
    """Write the pixels of one image to `out` (B, H, W), float32 nanomaggies.

    Parameters
    ----------
    low, high : array (B, H, W), uint16
        Lower and upper half of the codes; None where the upper halves are 0.
    step, zero, starts : array (B,)
        See `Quantized` and `dither_starts`.
    """
    for band in range(len(out)):
        codes = low[band] if high is None else low[band] | (high[band].astype(np.uint32) << np.uint32(16))
        if step[band] == 0:
            out[band] = codes.astype(np.uint32).view(np.float32)
            continue
        pixels = out[band]
        np.subtract(codes, np.float32(zero[band]), out=pixels, casting="unsafe")
        pixels -= _dither(starts[band], pixels.shape)
        pixels *= step[band]
        if codes.min() == 0:
            pixels[codes == 0] = 0
