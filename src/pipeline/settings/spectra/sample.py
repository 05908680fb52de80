"""Settings `spectra.sample`: which spectra train, select, calibrate and judge, and what their labels are."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from pipeline.settings.base import Section

Share = Annotated[float, Field(ge=0, lt=1)]
LabelClass = Literal["quasar", "galaxy", "star", "sky"]


class SkyDeal(Section):
    """Sets by the place on the sky, as the section `splits` deals it."""

    mode: Literal["sky"]


class CatalogueDeal(Section):
    """Sets by the catalogue (FNet paper, §2 and §4): DR12Q trains, what came later judges.

    `select` and `calibrate` are shares of the objects of DR12Q; the paper's 10 % of validation are both together.
    """

    mode: Literal["catalogue"]
    select: Share
    calibrate: Share

    @model_validator(mode="after")
    def _some_train(self):
        if self.select + self.calibrate >= 1:
            raise ValueError("select and calibrate leave nothing to train on")
        return self


class RedshiftRange(Section):
    """Quasars with lower <= z <= upper (the RNet slides: 2.8 to 3)."""

    lower: Annotated[float, Field(ge=0)]
    upper: float

    @model_validator(mode="after")
    def _rising(self):
        if self.upper <= self.lower:
            raise ValueError("upper is not above lower")
        return self


class SpectraSample(Section):
    """The sample of spectra.

    `label`: `z_vi`, classes and redshifts of visual inspection (`CLASS_PERSON` 3 and 30 are quasars); `z_pipe`, those
    of the pipeline, with which the RNet slides label; `either`, the inspection's, and where nobody has looked the
    pipeline's if it gives no warning, as in DR16Q's column Z. `z_conf` is the least confidence of an inspected redshift
    (DR16Q: 3 is sure), null takes all, as does `redshift` null.
    """

    tranches: Annotated[list[Annotated[int, Field(ge=1)]], Field(min_length=1)]
    label: Literal["z_vi", "z_pipe", "either"]
    z_conf: Annotated[int, Field(ge=0, le=3)] | None
    classes: Annotated[list[LabelClass], Field(min_length=1)]
    redshift: RedshiftRange | None
    exclude_flags: list[str]
    object_arcsec: Annotated[float, Field(gt=0, le=10)] = Field(description="spectra this near are of one object")
    deal: Annotated[SkyDeal | CatalogueDeal, Field(discriminator="mode")]
    folds: Annotated[int, Field(ge=2)]
