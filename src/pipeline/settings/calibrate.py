"""Settings `calibrate`: from scores to probabilities."""

from typing import Annotated, Literal

from pydantic import Field

from pipeline.settings.base import Section


class Calibrate(Section):
    """The curve from score to probability, fitted on the calibrate set.

    `survey_share` is the share of lenses in the survey, to which probabilities are moved; null keeps the share of the
    sample. `bins` and `folds` are those of the reliability table, which is made from held-out folds.
    """

    method: Literal["isotonic", "platt"]
    survey_share: Annotated[float, Field(gt=0, lt=1)] | None
    bins: Annotated[int, Field(ge=2)]
    folds: Annotated[int, Field(ge=2)]
