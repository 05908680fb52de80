"""Settings `splits`: how the sky is dealt to training, selection, calibration and judgement."""

import math
from typing import Annotated, Literal

from pydantic import Field, model_validator

from pipeline.settings.base import Section

Share = Annotated[float, Field(ge=0, le=1)]


class Shares(Section):
    """Share of the sky of each set; they add up to 1."""

    train: Share
    select: Share
    calibrate: Share
    judge: Share

    @model_validator(mode="after")
    def _whole(self):
        total = self.train + self.select + self.calibrate + self.judge
        if abs(total - 1) > 1e-9:
            raise ValueError(f"the shares add up to {total}, not to 1")
        return self


class Splits(Section):
    """The split of the sky.

    `cells`: HEALPix cells (`nside`, nested order) are dealt to the four sets; objects within `margin_arcsec` of a cell
    of another set belong to none. `papers`: objects are dealt singly at random to train and judge, whatever their
    place, and the judged ones also choose and calibrate (70:30 in Stein et al. 2021, §3.3.1, and Huang et al. 2021,
    §4.1); all figures made with it are labelled so.
    """

    mode: Literal["cells", "papers"]
    nside: Annotated[int, Field(ge=1, le=1024)]
    margin_arcsec: Annotated[float, Field(ge=0)]
    shares: Shares

    @model_validator(mode="after")
    def _possible(self):
        if self.nside & (self.nside - 1):
            raise ValueError(f"nside {self.nside} is not a power of 2")
        if self.mode == "papers":
            if self.shares.select or self.shares.calibrate or self.margin_arcsec:
                raise ValueError("mode papers has two sets and no margin: select, calibrate and margin_arcsec are 0")
            return self
        for name, share in self.shares.plain().items():
            if not share:
                raise ValueError(f"shares.{name} is 0, which mode papers alone allows")
        cell = math.degrees(math.sqrt(math.pi / 3) / self.nside) * 3600
        if self.margin_arcsec > cell / 4:
            raise ValueError(f"margin_arcsec is more than a quarter of a cell ({cell:.0f} arcsec at this nside)")
        return self
