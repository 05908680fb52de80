"""Settings `augmentation`: how an image is changed without changing what it shows."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from pipeline.settings.base import Section

Source = Literal["fit", "paper", "off"]


class AugmentationFit(Section):
    """The objects on which the distributions are fitted: sky sets, magnitude limit and number of objects."""

    sets: Annotated[list[Literal["train", "select", "calibrate", "judge"]], Field(min_length=1)]
    band: Literal["g", "r", "z"]
    limit: float
    n: Annotated[int, Field(ge=10)]


class Augmentation(Section):
    """Augmentations of Stein et al. 2021, §3.1 and appendix B, in that order.

    Each of `extinction`, `psf` and `noise` takes its lognormal from a `fit` to this survey, from Table 2 of the
    `paper`, or is `off`. Noise and PSF are counted in pixels of `pixel_scale` arcsec, those of the images. `scale` is
    the range of the isotropic resizing (the paper: 0.9 to 1.1), `jitter` the largest shift in whole pixels along each
    axis (the paper: 7).
    """

    fit: AugmentationFit
    pixel_scale: Annotated[float, Field(gt=0)]
    extinction: Source
    psf: Source
    noise: Source
    flip: bool
    rotation: bool
    scale: Annotated[list[Annotated[float, Field(gt=0)]], Field(min_length=2, max_length=2)] | None
    jitter: Annotated[int, Field(ge=0)]

    @model_validator(mode="after")
    def _ordered(self):
        if self.scale is not None and self.scale[0] > self.scale[1]:
            raise ValueError("scale is [smallest, largest]")
        return self
