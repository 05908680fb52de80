"""Settings `spectra`: the spectra half of a run."""

from typing import Annotated

from pydantic import Field, model_validator

from pipeline.settings.base import Section
from pipeline.settings.spectra.assess import AssessRedshifts
from pipeline.settings.spectra.calibrate import CalibrateRedshifts
from pipeline.settings.spectra.estimators import FNet, PublishedQuasarNet, QuasarNet, RNet
from pipeline.settings.spectra.experiments import MaskedLines, Sweeps
from pipeline.settings.spectra.ingest import SpectraIngest
from pipeline.settings.spectra.pca import Pca
from pipeline.settings.spectra.release import RedshiftRelease
from pipeline.settings.spectra.sample import SpectraSample
from pipeline.settings.spectra.simulation import SimulatedSpectra
from pipeline.settings.spectra.survey import Desi, Sdss, SpectraIndex
from pipeline.settings.splits import Splits

Name = Annotated[str, Field(pattern=r"^[a-z0-9_]+$")]
Survey = Annotated[SimulatedSpectra | Sdss | Desi | SpectraIndex, Field(discriminator="kind")]
Estimator = Annotated[FNet | RNet | QuasarNet | PublishedQuasarNet | Pca, Field(discriminator="kind")]


class Spectra(Section):
    """Section `spectra`."""

    survey: Survey
    ingest: SpectraIngest
    splits: Splits
    sample: SpectraSample
    estimators: Annotated[dict[Name, Estimator], Field(min_length=1)]
    calibrate: CalibrateRedshifts
    assess: AssessRedshifts
    masked_lines: MaskedLines | None
    sweeps: Sweeps | None
    release: RedshiftRelease | None

    @model_validator(mode="after")
    def _names_agree(self):
        if "combined" in self.estimators:
            raise ValueError("estimators: combined is the name of their combination; choose another")
        return self
