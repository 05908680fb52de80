"""Settings `release`: the published catalogue, its figures and the report."""

from typing import Annotated

from pydantic import Field

from pipeline.settings.base import Section


class SpectroscopicTable(Section):
    """A table of spectroscopic redshifts: FITS, ECSV, VOTable, Parquet or CSV, and the names of its columns."""

    path: str
    ra: str
    dec: str
    z: str


class Gallery(Section):
    """Pictures of candidates in the colours of the survey's viewer."""

    columns: Annotated[int, Field(gt=0)]
    most: int = Field(gt=0, description="pictures of a grade at most")
    crop: int = Field(gt=0, description="pixels a side")
    neighbours: int = Field(gt=0, description="pictures beside each query of a search")


class Release(Section):
    """The release of a run."""

    name: str = Field(min_length=1, description="CATNAME: what sky viewers show")
    color: str = Field(min_length=1, description="CATCOLOR: the colour in which sky viewers draw")
    spectroscopic: list[SpectroscopicTable]
    spectroscopic_arcsec: float = Field(gt=0, description="radius within which a redshift belongs to a source")
    faint_mag_z: float = Field(description="magnitude that divides the counts (Stein et al. 2021, Table 1: 20)")
    depth_passes: list[int] = Field(
        min_length=2, description="edges in passes in z; the last bin is open (Huang et al. 2021, Figure 7: 3, 7, 10)"
    )
    footprint_order: int = Field(ge=0, le=18, description="HEALPix order of the map of the searched area")
    viewer_layer: str | None = Field(description="layer of legacysurvey.org/viewer for links; null: no links")
    gallery: Gallery
