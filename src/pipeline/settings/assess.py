"""Settings `assess`: how well models and searches do, measured on objects that chose nothing."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from pipeline.settings.base import Section

Positive = Annotated[int, Field(gt=0)]
Share = Annotated[float, Field(gt=0, lt=1)]
Edges = Annotated[list[float], Field(min_length=2)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_]+$")]


class Judged(Section):
    """Who is judged. What chose a model, an iterate or a threshold is not in `set`."""

    set: Literal["judge", "select", "calibrate", "train"]
    exclusion_arcsec: float = Field(ge=0, description="objects this near to a lens are no non-lenses")
    duplicate_arcsec: float = Field(ge=0, description="sources this near to each other are one object")
    confidence: Share = Field(description="of every interval")
    bootstrap: int = Field(ge=100, description="resamplings, over systems")


class Bins(Section):
    """Edges of the bins in which completeness is given."""

    theta_e: Edges = Field(description="Einstein radius, arcsec (simulated surveys)")
    mag_r: Edges = Field(description="AB magnitude of the catalogued source")
    arc_snr: Edges = Field(description="signal to noise of the arcs (simulated surveys)")

    @model_validator(mode="after")
    def _rising(self):
        for name in ("theta_e", "mag_r", "arc_snr"):
            edges = getattr(self, name)
            if any(low >= high for low, high in zip(edges, edges[1:], strict=False)):
                raise ValueError(f"the edges of {name} must rise")
        return self


class Ranking(Section):
    """Measures of one model's ranking."""

    false_positive_rates: list[Share] = Field(min_length=1)
    minimum_false_positives: Positive = Field(description="with fewer the rate is not measurable")
    top: list[Positive] = Field(min_length=1, description="precision among the first N")
    bins: Bins
    reliability_bins: Positive
    expected_share: Share = Field(description="of lenses in a real survey (Collett 2015: about 1 in 10^4 galaxies)")


class Pair(Section):
    """Two models: does the first do better than the second?"""

    first: Name
    second: Name


class Matching(Section):
    """Non-lenses that look like lens hosts in the catalogue: the same type, and no quantity further off than these."""

    per_lens: Positive = Field(description="at most so many non-lenses for each lens")
    mag_z: float = Field(gt=0, description="mag")
    g_r: float = Field(gt=0, description="mag")
    r_z: float = Field(gt=0, description="mag")
    log_size: float = Field(gt=0, description="dex of the half-light radius")
    depth: float = Field(gt=0, description="mag of the 5-sigma depth in z")


class Comparison(Section):
    """Paired differences between models, on all judged objects and on matched ones."""

    pairs: list[Pair] = Field(min_length=1)
    matching: Matching


class TrainingRatios(Section):
    """Precision against the training ratio (Stein et al. 2021, Figure 4): a probe is trained at each ratio."""

    model: Name = Field(description="the probe that is trained anew")
    top: Positive = Field(description="precision among the first N judged objects")


class Honesty(Section):
    """Can a classifier tell lenses from controls by what has nothing to do with lensing?"""

    inner_radius: float = Field(gt=0, description="arcsec; what lies within is hidden from the classifier")
    annulus_width: float = Field(gt=0, description="arcsec")
    apertures: list[Annotated[float, Field(gt=0)]] = Field(min_length=1, description="radii of the colours, arcsec")
    classifier: Literal["forest", "logistic"]
    trees: Positive
    folds: Annotated[int, Field(ge=2)]
    too_easy: Share = Field(description="AUC of aperture colours above which the survey is too easy")


class Classes(Section):
    """Two classes of a real sample, told apart by a linear probe in folds by sky cell."""

    positive: str
    negative: str
    folds: Annotated[int, Field(ge=2)]
    inner_folds: Annotated[int, Field(ge=2)]
    l2: list[Annotated[float, Field(gt=0)]] = Field(min_length=1, description="grid, chosen within the training folds")
    max_iterations: Positive
    gradient_tolerance: float = Field(ge=0)
    normalize: bool = Field(description="divide each embedding by its length")
    rows: dict[Name, Annotated[list[str], Field(min_length=1)]] = Field(
        min_length=1, description="row -> feature sources, as of a probe"
    )


class Assess(Section):
    """All of it; null switches a part off."""

    judged: Judged
    ranking: Ranking | None
    comparison: Comparison | None
    training_ratios: TrainingRatios | None
    survey: Honesty | None
    classes: Classes | None
