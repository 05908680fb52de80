"""Settings `spectra.assess`: how good the redshifts are, measured on spectra that chose nothing."""

from typing import Annotated

from pydantic import Field, model_validator

from pipeline.settings.base import Section

Share = Annotated[float, Field(gt=0, lt=1)]
Positive = Annotated[float, Field(gt=0)]
Edges = Annotated[list[float], Field(min_length=2)]


class AssessRedshifts(Section):
    """Measures of redshifts on the judged spectra.

    A line finder fails on a quasar in which it finds fewer than `failure_lines` emission lines with more than
    `line_confidence` (DR16Q, Lyke et al. 2020: at least two are asked for).
    """

    confidence: Share = Field(description="of every interval")
    bootstrap: Annotated[int, Field(ge=100)] = Field(description="resamplings, over objects")
    redshift_edges: Edges
    sn_edges: Edges = Field(description="median S/N of a pixel")
    line_confidence: Share
    failure_lines: Annotated[int, Field(ge=1, le=6)]
    confusion_km_s: Positive = Field(description="as near must a wrong redshift be to one line taken for another")
    extremes: Annotated[list[float], Field(min_length=2, max_length=2)] = Field(
        description="a redshift below or above is extreme (FNet, Fig. 8: 0 and 6)"
    )
    listed: Annotated[int, Field(ge=1)] = Field(
        description="catastrophic outliers that are listed, with a picture each, at most"
    )
    bins: Annotated[int, Field(ge=2)] = Field(description="of tables of reliability")

    @model_validator(mode="after")
    def _rising(self):
        for name in ("redshift_edges", "sn_edges", "extremes"):
            edges = getattr(self, name)
            if any(low >= high for low, high in zip(edges, edges[1:], strict=False)):
                raise ValueError(f"the edges of {name} must rise")
        return self
