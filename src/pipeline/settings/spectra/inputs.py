"""Settings of an estimator's input: the grid, and how a spectrum is put on it and normalised."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from pipeline.settings.base import Section

GridName = Literal["fnet", "fnet_paper", "rnet", "quasarnet", "quasarnet_linear", "desi"]
Resampling = Literal["interp", "conserve", "quasarnet"]


class Input(Section):
    """How a spectrum becomes the input of an estimator."""

    grid: GridName
    rebin: Annotated[int, Field(ge=1)] = Field(description="pixels of the grid that are averaged to one; 1 keeps them")
    resample: Resampling = Field(description="interp: the papers' interpolation, which knows no inverse variance")
    normalise: Literal["fnet", "zero_mean_unit", "rnet", "quasarnet", "ivar"]
    clip_sigma: Annotated[float, Field(gt=0)] | None = Field(description="limit of the normalised flux; with `ivar`")

    @model_validator(mode="after")
    def _parts_agree(self):
        if (self.clip_sigma is None) == (self.normalise == "ivar"):
            raise ValueError("clip_sigma is a number with normalise: ivar, and null without")
        if self.resample == "quasarnet" and not self.grid.startswith("quasarnet"):
            raise ValueError("resample: quasarnet needs the grid quasarnet or quasarnet_linear")
        return self
