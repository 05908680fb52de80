"""Settings `models`: what gives each object a score, by name."""

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from pipeline.settings.base import Section

Positive = Annotated[int, Field(gt=0)]
Tier = Annotated[int, Field(ge=0)]


class TopN(Section):
    """The number of images that people inspect in a search of `of` objects (Stein et al. 2021, §3.3.2).

    The number is scaled to the size of the select set; the iterate with most lenses among that many is kept.
    """

    inspect: Positive
    of: Positive

    @model_validator(mode="after")
    def _part(self):
        if self.inspect > self.of:
            raise ValueError("inspect must not exceed of")
        return self


class ProbeScoring(Section):
    """How a probe scores: blocks of `score_rows` rows, on `threads` torch threads."""

    score_rows: Positive
    threads: Positive


class Probe(ProbeScoring):
    """Linear classification by full-batch L-BFGS (Stein et al. 2021, §3.3.3).

    `features`: any of `embedding.<encoder>`, `catalogue`, `colours`. `normalize` divides embeddings by their length.
    `tier` is the index of the training ratio in `sample.ratios` whose non-lenses train; null takes all. Each `l2` is
    tried. Fit and scores are computed on `threads` torch threads, scores in blocks of `score_rows` rows.
    """

    kind: Literal["probe"]
    features: Annotated[list[str], Field(min_length=1)]
    normalize: bool
    tier: Tier | None
    l2: Annotated[list[Annotated[float, Field(ge=0)]], Field(min_length=1)]
    max_iterations: Positive
    history_size: Positive
    gradient_tolerance: Annotated[float, Field(ge=0)]
    top_n: TopN

    @field_validator("features")
    @classmethod
    def _sources(cls, features):
        for feature in features:
            if feature not in ("catalogue", "colours") and not feature.removeprefix("embedding.").isidentifier():
                raise ValueError(f"{feature!r} is no feature source; allowed: embedding.<encoder>, catalogue, colours")
        if len(set(features)) < len(features):
            raise ValueError("a feature source stands twice")
        return features

    @property
    def encoders(self) -> list[str]:
        """Names of the encoders whose embeddings are features, in their order."""
        return [feature.split(".", 1)[1] for feature in self.features if feature.startswith("embedding.")]

    @property
    def scoring(self) -> ProbeScoring:
        """The part that enters scores beside the weights."""
        return ProbeScoring(score_rows=self.score_rows, threads=self.threads)


class FinderInput(Section):
    """How a cutout becomes a network's input.

    The central `crop` pixels, averaged down to `pixels`; each band less its median over the training images, in units
    of its scatter, clamped to plus or minus `clamp` (Huang et al.: 250).
    """

    crop: Positive
    pixels: Positive
    clamp: Annotated[float, Field(gt=0)]

    @model_validator(mode="after")
    def _whole(self):
        if self.crop % self.pixels:
            raise ValueError("crop must be a whole multiple of pixels")
        return self


class FinderAugmentation(Section):
    """What each training image goes through: flips, a rotation by any angle, a zoom by a factor of that range, a shift.

    `conditions`: also a new extinction, PSF width and noise, drawn as the section `augmentation` says.
    """

    flip: bool
    rotation: bool
    zoom: Annotated[list[Annotated[float, Field(gt=0)]], Field(min_length=2, max_length=2)] | None
    jitter: Annotated[int, Field(ge=0)]
    conditions: bool

    @model_validator(mode="after")
    def _ordered(self):
        if self.zoom is not None and self.zoom[0] > self.zoom[1]:
            raise ValueError("zoom is [smallest, largest]")
        return self


class FinderTraining(Section):
    """Cross-entropy, Adam, a learning rate that falls by `decay` every `decay_epochs` epochs.

    Every batch holds the share `lens_fraction` of lenses, so that lenses are seen more often than non-lenses; an epoch
    sees `non_lenses_per_epoch` of these (null: all). `tier` as in a probe. Batch-norm statistics are those of groups of
    `group` images. The epoch with the best average precision on the select set is kept; every `select_every`-th epoch
    and the last are judged there. A checkpoint is written every `checkpoint_seconds` of the clock. `threads` are
    torch's.
    """

    epochs: Positive
    batch: Positive
    group: Annotated[int, Field(ge=2)]
    lens_fraction: Annotated[float, Field(gt=0, lt=1)]
    non_lenses_per_epoch: Positive | None
    tier: Tier | None
    learning_rate: Annotated[float, Field(gt=0)]
    decay: Annotated[float, Field(gt=0, le=1)]
    decay_epochs: Positive
    augmentation: FinderAugmentation
    select_every: Positive
    checkpoint_seconds: Annotated[float, Field(gt=0)]
    threads: Positive

    @model_validator(mode="after")
    def _composition(self):
        if self.batch % self.group:
            raise ValueError("batch must be a whole multiple of group")
        if not 1 <= round(self.batch * self.lens_fraction) < self.batch:
            raise ValueError("batch times lens_fraction must leave at least one lens and one non-lens in a batch")
        return self


class FinderScoring(Section):
    """How a finder scores: batches of `score_batch` images, on `score_threads` torch threads."""

    score_batch: Positive
    score_threads: Positive


class Finder(FinderScoring):
    """A supervised network of the family of Huang et al. 2021, §3."""

    kind: Literal["finder"]
    network: Literal["lanusse", "shielded"]
    input: FinderInput
    training: FinderTraining

    @property
    def scoring(self) -> FinderScoring:
        """The part that enters scores beside the weights."""
        return FinderScoring(score_batch=self.score_batch, score_threads=self.score_threads)


class ById(Section):
    """Column with the object ids of a published table."""

    object_id: str


class ByPosition(Section):
    """Columns with positions (degrees) of a published table; an object takes the nearest row within the radius."""

    ra: str
    dec: str
    radius_arcsec: Annotated[float, Field(gt=0)]


class PublishedScores(Section):
    """Scores computed elsewhere: a table (.csv, .tsv, .ecsv, .fits or .parquet) with a row an object.

    `scale` says what its column `score` holds; probabilities become logits. Objects that a list does not name get the
    logit `unlisted` (a list of the best ends somewhere); where that is null, such an object is an error.
    """

    kind: Literal["published_scores"]
    path: str
    match: ById | ByPosition
    score: str
    scale: Literal["logit", "probability"]
    unlisted: float | None


Model = Annotated[Probe | Finder | PublishedScores, Field(discriminator="kind")]
