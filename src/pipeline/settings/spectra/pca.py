"""Settings of the estimator `pca`: eigenspectra, and the scan of chi2 over redshift."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from pipeline.settings.base import Section

Positive = Annotated[int, Field(gt=0)]
Redshift = Annotated[float, Field(gt=-1)]
Interval = Annotated[list[Redshift], Field(min_length=2, max_length=2)]


class _Scanned(Section):
    """Redshifts [lowest, highest] that are tried."""

    z: Interval

    @model_validator(mode="after")
    def _ordered(self):
        if not self.z[0] < self.z[1]:
            raise ValueError("z is [lowest, highest]")
        return self


class LearnedRange(_Scanned):
    """Eigenspectra of one range: learned from training spectra with redshifts `train_z`, tried at `z`."""

    train_z: Interval
    components: Positive


class LearnedTemplates(Section):
    """Eigenspectra of the training set (Bailey 2012).

    Ranges overlap; at each redshift the better one counts. A class without ranges is not compared with.

    `iterations` of alternating least squares; halfway, pixels beyond `clip` sigma of their spectrum's scatter and
    spectra beyond `clip` times the typical scatter are left out. No pixel weighs more than one of S/N `largest_sn`.
    A rest pixel that fewer than `least_spectra` spectra reach goes without template. `smoothing`: sigma in dex of the
    Gaussian that takes the noise of the training spectra from the result. `use_bal`: BAL quasars train too.
    """

    kind: Literal["learned"]
    quasar: Annotated[list[LearnedRange], Field(min_length=1)]
    galaxy: list[LearnedRange]
    star: list[LearnedRange]
    iterations: Annotated[int, Field(ge=2)]
    clip: Annotated[float, Field(gt=1)]
    largest_sn: Annotated[float, Field(gt=0)]
    least_spectra: Positive
    smoothing: Annotated[float, Field(ge=0)]
    use_bal: bool


class FileRange(_Scanned):
    """Eigenspectra of a file (Redrock's rrtemplate-*.fits, idlspec2d's spEigen*.fits), tried at `z`."""

    path: str


class FileTemplates(Section):
    """Published eigenspectra."""

    kind: Literal["files"]
    quasar: Annotated[list[FileRange], Field(min_length=1)]
    galaxy: list[FileRange]
    star: list[FileRange]


class Scan(Section):
    """Weighted linear least squares at all redshifts.

    `bin`: pixels and redshift steps of the scan, in units of 1e-4 dex of wavelength and of 1 + z (5: the step 5e-4).
    `bin_scatter`: reduced chi2 of the pixels of a bin about their mean above which its variance grows.
    `polynomial`: number of Legendre terms in log wavelength that are fitted beside the eigenspectra.
    `systematic`: relative error of templates and calibration, added in quadrature to the errors.
    `separation`: least distance of two minima, km/s. Limits of the warnings: `small_delta_chi2`; `least_coverage`, the
    part of the scan's bins with data below which coverage is little; `least_pixels`, good bins below which data are
    poor; `class_margin`, by how much chi2 of a galaxy or a star must be lower, and `sky_margin`, by how much the
    polynomial alone must be worse, for a quasar to be doubted.
    """

    bin: Positive
    bin_scatter: Annotated[float, Field(gt=1)]
    polynomial: Annotated[int, Field(ge=0, le=6)]
    systematic: Annotated[float, Field(ge=0)]
    separation: Annotated[float, Field(gt=0)]
    small_delta_chi2: Annotated[float, Field(ge=0)]
    least_coverage: Annotated[float, Field(ge=0, le=1)]
    least_pixels: Positive
    class_margin: Annotated[float, Field(ge=0)]
    sky_margin: Annotated[float, Field(ge=0)]


class PcaScoring(Section):
    """How the estimator runs: spectra a batch, torch threads."""

    scan: Scan
    batch: Positive
    threads: Positive


class Pca(PcaScoring):
    """Redshifts by linear combinations of eigenspectra."""

    kind: Literal["pca"]
    templates: Annotated[LearnedTemplates | FileTemplates, Field(discriminator="kind")]

    @property
    def scoring(self) -> PcaScoring:
        """The part that enters redshifts beside the eigenspectra."""
        return PcaScoring(scan=self.scan, batch=self.batch, threads=self.threads)
