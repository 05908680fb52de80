"""Settings `grading`: how people, or simulated people, grade candidates."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from pipeline.settings.base import Section

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$")]
Probability = Annotated[float, Field(ge=0, le=1)]


class HuangRule(Section):
    """Mean of integer scores 1 to 4: A from 3.5, B from 3, C from 2, else rejected (Huang et al. 2021, section 4)."""

    kind: Literal["huang"]

    @property
    def scale(self) -> list[str]:
        """Scores, worst first."""
        return ["1", "2", "3", "4"]


class SteinRule(Section):
    """Tentative A or B (N: no) from every grader, refined by one person (Stein et al. 2021, section 4.3)."""

    kind: Literal["stein"]
    refiner: Name

    @property
    def scale(self) -> list[str]:
        """Scores, worst first."""
        return ["N", "B", "A"]


class Person(Section):
    """Someone whose sheet lies at grades/<run>/round-<n>/<name>.csv."""

    kind: Literal["people"]
    name: Name


class SimulatedGrader(Section):
    """A grader who knows the truth and errs at stated rates.

    `scores` holds, for each kind of object, the probability of each score of the rule's scale, worst first: a lens with
    visible features, a lens whose features are too faint or too small to be seen, anything else.
    """

    kind: Literal["simulated"]
    name: Name
    sees_within_arcsec: float = Field(gt=0, description="a lens this near to the centre of a picture is seen")
    visible_lens: list[Probability]
    faint_lens: list[Probability]
    other: list[Probability]

    @model_validator(mode="after")
    def _add_up(self):
        for name in ("visible_lens", "faint_lens", "other"):
            if abs(sum(getattr(self, name)) - 1) > 1e-9:
                raise ValueError(f"the probabilities of {name} do not add up to 1")
        return self


class Round(Section):
    """Who grades the batch of one round."""

    graders: Annotated[list[Person | SimulatedGrader], Field(min_length=1)]


class Mosaic(Section):
    """The page on which candidates are graded."""

    columns: int = Field(ge=1, le=12, description="candidates beside each other")
    pixels: int = Field(ge=16, description="pixels a side that are shown, cut from the middle")
    gains: Annotated[list[Annotated[float, Field(gt=0)]], Field(min_length=2, max_length=2)] = Field(
        description="factors on the flux before the viewer's stretch, one a picture"
    )
    jpeg_quality: int = Field(ge=50, le=95)


class Grading(Section):
    """Grading of the candidates, round by round."""

    rule: HuangRule | SteinRule = Field(discriminator="kind")
    criteria: Annotated[list[str], Field(min_length=1)] = Field(description="what speaks for a lens; on the page")
    mosaic: Mosaic
    rounds: Annotated[list[Round], Field(min_length=1)]

    @model_validator(mode="after")
    def _graders_fit_the_rule(self):
        known = {}
        for number, one in enumerate(self.rounds, start=1):
            names = [grader.name for grader in one.graders]
            if len(set(names)) < len(names):
                raise ValueError(f"round {number} names a grader twice")
            if self.rule.kind == "stein" and self.rule.refiner not in names:
                raise ValueError(f"round {number} lacks the refiner {self.rule.refiner}")
            for grader in one.graders:
                if known.setdefault(grader.name, grader) != grader:
                    raise ValueError(f"{grader.name} is another grader in round {number} than before")
                _check_scale(grader, self.rule.scale)
        return self

    def grader(self, name: str) -> Person | SimulatedGrader | None:
        """Return the grader of that name, or None."""
        return next((one for part in self.rounds for one in part.graders if one.name == name), None)


def _check_scale(grader: Person | SimulatedGrader, scale: list[str]) -> None:
    if grader.kind == "simulated":
        for name in ("visible_lens", "faint_lens", "other"):
            if len(getattr(grader, name)) != len(scale):
                raise ValueError(f"{grader.name}: {name} needs {len(scale)} probabilities, for {', '.join(scale)}")
