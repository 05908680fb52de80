"""What every reader hands over: a catalogue, and its images block by block."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from pipeline.surveys.columns import BANDS


@dataclass(frozen=True)
class Block:
    """Images of some rows of a shard.

    Attributes
    ----------
    rows : array (n,) int
        Row numbers in the shard.
    images : array (n, 3, H, W) float32
        Nanomaggies, bands g, r, z; finite.
    flags : array (n,) int32
        What is wrong with the pixels; added to the flags of the catalogue.
    measured : dict of array (n,)
        Catalogue columns measured on the images.
    """

    rows: np.ndarray
    images: np.ndarray
    flags: np.ndarray
    measured: dict[str, np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True)
class Source:
    """The content of one shard.

    Attributes
    ----------
    columns : dict of array (N,)
        Columns of the catalogue (`surveys.columns.CATALOGUE`) that are known before the images are read, sorted by
        object_id; `object_id`, `ra` and `dec` are among them.
    pixel_scale : float
        arcsec.
    blocks : callable
        Yields `Block`s; each row comes in one of them.
    counts : dict
        Rows of the input, and rows that each cut removed.
    """

    columns: dict[str, np.ndarray]
    pixel_scale: float
    blocks: Callable[[], Iterator[Block]]
    counts: dict[str, int]

    def __len__(self) -> int:
        return len(self.columns["object_id"])

    @property
    def attrs(self) -> dict:
        """Attributes of the image shard."""
        return {"bands": list(BANDS), "pixel_scale": self.pixel_scale, "psf": "FWHM in arcsec: columns psfsize_<band>"}
