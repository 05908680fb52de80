"""Settings `rank`: from scores and searches to one list of candidates."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from pipeline.settings.base import Section


class Stratum(Section):
    """A part of the survey that is ranked and inspected by itself (Stein et al. 2021, section 4.3).

    An object belongs to the first stratum with its region whose range of magnitude holds it: bright <= mag < faint,
    null open. One that belongs to none is no candidate.
    """

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]+$")]
    regions: Annotated[list[str], Field(min_length=1)] | None = Field(description="null: every region")
    bright: float | None
    faint: float | None
    per_model: int = Field(gt=0, description="candidates from each model, the most probable ones")
    inspect: int = Field(gt=0, description="candidates of the models that enter the grading batch, the best ones")


class Rank(Section):
    """Candidates of all models and searches, one for each system."""

    models: list[str] = Field(description="models that put candidates forward; baselines stay out")
    magnitude_band: Literal["g", "r", "z"] = Field(description="band of the strata")
    strata: Annotated[list[Stratum], Field(min_length=1)]
    combine: Literal["max", "mean"] = Field(description="probability of a candidate from those of the models")
    system_arcsec: float = Field(gt=0, description="candidates closer than this are one system")
    leave_out: list[Literal["training", "known"]] = Field(
        description="systems that take no place in the grading batch: training lenses, all listed ones"
    )

    @model_validator(mode="after")
    def _strata_are_told_apart(self):
        names = [stratum.name for stratum in self.strata]
        if len(set(names)) < len(names):
            raise ValueError("two strata have the same name")
        return self
