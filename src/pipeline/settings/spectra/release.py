"""Settings `spectra.release`: the published redshifts, their figures and the report."""

from typing import Annotated

from pydantic import Field

from pipeline.settings.base import Section

Several = Annotated[int, Field(gt=0)]


class SpectrumGallery(Section):
    """Pictures of spectra."""

    failures: Several = Field(description="quasars on which the line finder fails (FNet paper, Fig. 5: 4), at most")
    smoothing: Several = Field(description="pixels of the grid over which a spectrum is smoothed")


class RedshiftRelease(Section):
    """The release of the redshifts."""

    name: str = Field(min_length=1, description="CATNAME: what sky viewers show")
    gallery: SpectrumGallery
