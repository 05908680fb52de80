"""Settings `spectra.calibrate`: how far redshifts are believed, and what is flagged."""

from typing import Annotated

from pydantic import Field

from pipeline.settings.base import Section

Share = Annotated[float, Field(gt=0, lt=1)]


class Goals(Section):
    """What the limit on the probability of being wrong has to reach on the calibrate set."""

    accuracy: Share = Field(description="least share of right ones among unflagged quasars, galaxies, stars")
    sky_share: Annotated[float, Field(ge=0, lt=1)] = Field(description="largest share of unflagged sky fibres")
    flagged: Share = Field(description="share of flagged quasars above which the log warns")


class CalibrateRedshifts(Section):
    """Calibration of the estimators and of their combination, on simulated or labelled spectra."""

    penalty: Annotated[float, Field(gt=0)] = Field(description="of the slopes, 1/C of scikit-learn")
    steepest: Annotated[float, Field(gt=0)] = Field(description="by so much may one feature move a logit")
    line_confidence: Share = Field(description="a line with more is found")
    second_close: Annotated[float, Field(gt=0)] = Field(description="logit by which a second redshift may fall short")
    bins: Annotated[int, Field(ge=2)] = Field(description="of the table of reliability")
    goals: Goals
