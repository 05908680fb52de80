"""Settings `pretraining`: which objects the encoder is trained on."""

from typing import Annotated, Literal

from pydantic import Field

from pipeline.settings.base import Section


class Pretraining(Section):
    """The sample of objects for pre-training (Stein et al. 2021, §3.1): bright enough, and uniform in magnitude.

    Sets without `judge` keep the judged sky out; with it the pre-training is transductive, as the paper's is, and
    reports say so. `regions` null takes all; the paper takes the south alone.
    """

    sets: Annotated[list[Literal["train", "select", "calibrate", "judge"]], Field(min_length=1)]
    regions: Annotated[list[Literal["north", "south"]], Field(min_length=1)] | None
    band: Literal["g", "r", "z"]
    limit: float
    n: Annotated[int, Field(gt=0)] | None
    uniform_bins: Annotated[int, Field(gt=0)] | None

    @property
    def transductive(self) -> bool:
        """Whether images of judged sky are in the sample."""
        return "judge" in self.sets
