"""Settings of the experiments of the FNet paper: masked lines (§4), sweeps over the training's choices (§3.2)."""

from typing import Annotated

from pydantic import Field, model_validator

from pipeline.settings.base import Section
from pipeline.settings.spectra.estimators import FNet, OptimiserName, RNet

Positive = Annotated[int, Field(gt=0)]
Share = Annotated[float, Field(gt=0, lt=1)]


class Line(Section):
    """An emission line and its vacuum wavelength at rest, Å."""

    name: str
    rest: Annotated[float, Field(gt=0)]


class MaskedLines(Section):
    """Quasars of a narrow range of redshift, trained on and judged with and without their lines.

    Removed is what a line of `half_width` km/s covers at any redshift of the range `z`. `spectra`: how many quasars
    take part (null: all); a random part `test` of those that train and select judges, or else (null) those of the judge
    set; at least `least` must be there. `networks`: what is trained, by name.
    """

    z: Annotated[list[Annotated[float, Field(gt=-1)]], Field(min_length=2, max_length=2)]
    spectra: Positive | None
    lines: Annotated[list[Line], Field(min_length=1)]
    half_width: Annotated[float, Field(gt=0)]
    test: Share | None
    least: Positive
    networks: Annotated[
        dict[str, Annotated[FNet | RNet, Field(discriminator="kind")]], Field(min_length=1)
    ]

    @model_validator(mode="after")
    def _ordered(self):
        if not self.z[0] < self.z[1]:
            raise ValueError("z is [lowest, highest]")
        return self


class Sweeps(Section):
    """Trainings of a network that differ from `network` in one thing each.

    `spectra`: how many quasars take part (null: all), a random part `test` of them judges each epoch. `kernels`:
    of the convolutions in a block; `blocks`: number of residual blocks, which leaves the last three as they are and
    takes from, or adds to, those before; `weight_decays`: the L2 penalty.
    """

    network: FNet
    spectra: Positive | None
    test: Share
    optimisers: list[OptimiserName]
    kernels: list[Annotated[list[Positive], Field(min_length=1)]]
    blocks: list[Positive]
    weight_decays: list[Annotated[float, Field(ge=0)]]
