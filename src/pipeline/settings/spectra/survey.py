"""Settings of the survey of spectra: where the files lie. The key `kind` chooses the section."""

from typing import Annotated, Literal

from pydantic import Field

from pipeline.settings.base import Section


class Sdss(Section):
    """Files of SDSS, BOSS and eBOSS: spec-PLATE-MJD-FIBER.fits, lite or full, or spPlate-PLATE-MJD.fits."""

    kind: Literal["sdss"]
    root: str
    files: str = Field(description="pattern below root, such as v5_13_2/spectra/lite/*/spec-*.fits")
    quasars: str | None = Field(description="table like DR16Q, joined by PLATE, MJD, FIBERID; a path")


class Desi(Section):
    """Coadds of DESI, each beside its file of Redrock's redshifts."""

    kind: Literal["desi"]
    root: str | None = Field(description="folder of one release; null takes DESI_SPECTRO_REDUX")
    survey: str = Field(description="fills {survey} in `files`: main, sv3, ...")
    program: str = Field(description="fills {program} in `files`: dark, bright, ...")
    files: str = Field(description="pattern below root, such as fuji/healpix/{survey}/{program}/*/*/coadd-*.fits")
    quasars: str | None = Field(description="catalogue of redshifts or quasars, joined by TARGETID; a path")


class SpectraIndex(Section):
    """A folder of spectra of several surveys with an index in CSV: file, object, ra, dec, pipe_class, best_z, ..."""

    kind: Literal["spectra_index"]
    root: str = Field(description="folder from which the index counts its paths")
    table: str = Field(description="path of the index below root")


RealSpectra = Annotated[Sdss | Desi | SpectraIndex, Field(discriminator="kind")]
