"""Settings of the named searches by similarity."""

from pydantic import Field

from pipeline.settings.base import Section


class PositionQuery(Section):
    """The catalogued object nearest to a position."""

    ra: float = Field(ge=0, lt=360, description="degrees, ICRS")
    dec: float = Field(ge=-90, le=90, description="degrees, ICRS")
    radius_arcsec: float = Field(gt=0, description="no object within this radius is an error")


class ObjectQuery(Section):
    """An object by its identity."""

    object_id: str = Field(pattern=r"^-?\d+$", description="text, because ids exceed 2^53")


class KnownQuery(Section):
    """The n-th clear known lens of the training set, in the order of object_id."""

    from_known: int = Field(ge=1)


class Search(Section):
    """One search: its neighbours become candidates beside those of the models (Stein et al. 2021, section 4.1)."""

    name: str = Field(pattern=r"^[A-Za-z0-9_-]+$")
    query: PositionQuery | ObjectQuery | KnownQuery
    encoder: str
    neighbours: int = Field(gt=0, description="how many of the most similar objects are candidates")
