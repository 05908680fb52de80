"""Settings of the ingest of spectra: the grid, which spectra, what happens to bad input."""

from typing import Literal

from pydantic import Field

from pipeline.settings.base import Section
from pipeline.settings.spectra.inputs import GridName


class SpectrumSelection(Section):
    """Which spectra become rows. A cut that is null is off; one that is on leaves out what does not state the value.

    The FNet paper (section 2) takes CLASS_PERSON 3 and 30.
    """

    class_pipe: list[Literal["QSO", "STAR", "GALAXY", "SKY"]] | None = Field(description="classes of the pipeline")
    class_vi: list[Literal[0, 1, 3, 4, 30, 50]] | None = Field(description="CLASS_PERSON of the table of quasars")
    in_dr12q: bool | None = Field(description="true: quasars of DR12Q only; false: the others only")


class SpectraIngest(Section):
    """Section `spectra.ingest`."""

    grid: GridName
    resample: Literal["interp", "conserve"]
    selection: SpectrumSelection | None
    min_good_pixels: int = Field(ge=0, description="fewer on the grid set LITTLE_COVERAGE")
    on_bad_object: Literal["flag", "error"]
    spectra_per_shard: int = Field(ge=1, description="of files that hold one spectrum; else a file is a shard")
    shards_per_job: int = Field(ge=1)
