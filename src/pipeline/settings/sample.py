"""Settings `sample`: which lenses and non-lenses train and judge the models."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from pipeline.settings.base import Section

Region = Literal["north", "south"]


class Magnitude(Section):
    """Objects brighter than `limit` (AB, not corrected for extinction) in `band`."""

    band: Literal["g", "r", "z"]
    limit: float


class MatchPasses(Section):
    """Non-lenses are drawn with the lenses' distribution of passes: `edges` part the numbers of passes in each band.

    Huang et al. 2021, §3.1 and Figure 3: bins 3 to 7, 7 to 10 and above, edges [3, 7, 10].
    """

    edges: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1)]

    @model_validator(mode="after")
    def _ascending(self):
        if sorted(set(self.edges)) != self.edges:
            raise ValueError("edges ascend")
        return self


class ConfuserColumns(Section):
    """Names of the columns of a table of confusers; `ra` and `dec` are degrees (ICRS)."""

    ra: str
    dec: str
    kind: str


class Confusers(Section):
    """Non-lenses of stated classes (Huang et al. 2021, §3.1: spirals, groups, mergers, artefacts).

    `shares` is the share of each class among the non-lenses of the training set; the rest is drawn at random. Entries
    are matched to the nearest source within `radius_arcsec`.
    """

    path: str
    columns: ConfuserColumns
    radius_arcsec: Annotated[float, Field(gt=0, le=60)]
    shares: Annotated[dict[str, Annotated[float, Field(gt=0, lt=1)]], Field(min_length=1)]

    @model_validator(mode="after")
    def _part(self):
        if sum(self.shares.values()) > 1 + 1e-9:
            raise ValueError("the shares of the confusers add up to more than 1")
        return self


class Rounds(Section):
    """Grades of earlier rounds that become training examples: `lenses`, `non_lenses` name grades ("" rejected)."""

    lenses: list[Literal["A", "B", "C"]]
    non_lenses: list[Literal["A", "B", "C", ""]]

    @model_validator(mode="after")
    def _disjoint(self):
        both = set(self.lenses) & set(self.non_lenses)
        if both:
            raise ValueError(f"a grade makes a lens and a non-lens: {', '.join(sorted(both))}")
        return self


class Sample(Section):
    """The sample for training, selection, calibration and judgement.

    `tranches` are those that training reads. `ratios` are non-lenses per lens of nested training sets, ascending
    (Stein et al. 2021, §3.3.1: 1, 10, 100, 1000, 4000, 10000). `held_out_ratio` is the same for the other sets, null
    takes every non-lens. `regions` and `magnitude` null take all objects. `exclude_flags` names flags of objects that
    are left out. `match_passes`, `confusers`, `rounds` null are off.
    """

    tranches: Annotated[list[Annotated[int, Field(ge=1)]], Field(min_length=1)]
    ratios: Annotated[list[Annotated[float, Field(gt=0)]], Field(min_length=1)]
    held_out_ratio: Annotated[float, Field(gt=0)] | None
    regions: Annotated[list[Region], Field(min_length=1)] | None
    magnitude: Magnitude | None
    exclude_flags: list[str]
    match_passes: MatchPasses | None
    confusers: Confusers | None
    rounds: Rounds | None

    @model_validator(mode="after")
    def _ascending(self):
        if sorted(set(self.ratios)) != self.ratios:
            raise ValueError("ratios ascend")
        return self
