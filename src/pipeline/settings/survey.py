"""Settings of the survey: where the data come from. The key `kind` chooses the section."""

from typing import Annotated, Literal

from pydantic import Field

from pipeline.settings.base import Section
from pipeline.settings.simulation import Simulated

Band = Literal["g", "r", "z"]


class Legacy(Section):
    """Sweep catalogues and coadd bricks of the Legacy Surveys, as they lie on disk."""

    kind: Literal["legacy"]
    root: str | None = Field(description="folder that holds north/ and south/; null takes LEGACYSURVEY_DIR")
    data_release: Literal["dr8", "dr9", "dr10"]
    regions: list[Literal["north", "south"]] = Field(min_length=1)
    bricks_per_shard: int = Field(ge=1)


class Cutouts(Section):
    """A folder of FITS cutouts (3, N, N) in nanomaggies, as the Legacy Surveys viewer serves them."""

    kind: Literal["cutouts"]
    root: str
    files: str = Field(description="pattern of the file names below root, such as *.fits")
    table: str | None = Field(description="CSV below root with a row a file: `file`, and ra, dec, a class, if any")
    class_column: str | None = Field(description="column of that CSV with the known class")
    bands: list[Band] = Field(min_length=1, max_length=3, description="order of planes where the header names none")
    region: Literal["north", "south", ""]
    pixel_scale: float = Field(gt=0, description="arcsec")
    aperture_radius: float = Field(gt=0, description="arcsec; of the magnitudes measured on the cutout")
    images_per_shard: int = Field(ge=1)


class PanStarrs(Section):
    """Pan-STARRS cubes (3, N, N) in nanomaggies with an index of objects in CSV."""

    kind: Literal["panstarrs"]
    root: str
    table: str = Field(description="CSV below root: file, ra, dec and what else is known")
    class_column: str | None
    pixel_scale: float = Field(gt=0, description="arcsec")
    aperture_radius: float = Field(gt=0, description="arcsec")
    images_per_shard: int = Field(ge=1)


class Stein(Section):
    """HDF5 files in the layout of Stein et al."""

    kind: Literal["stein"]
    root: str
    files: str = Field(description="pattern of the file names below root, such as images/south/*.h5")
    region: Literal["north", "south", ""]
    pixel_scale: float = Field(gt=0, description="arcsec")
    images_per_shard: int = Field(ge=1)


Survey = Annotated[Simulated | Legacy | Cutouts | PanStarrs | Stein, Field(discriminator="kind")]
