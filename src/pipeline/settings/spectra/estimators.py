"""Settings of the networks that give redshifts: FNet, RNet, QuasarNET."""

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from pipeline.settings.base import Section
from pipeline.settings.spectra.inputs import Input

Positive = Annotated[int, Field(gt=0)]
Above = Annotated[float, Field(gt=0)]
Part = Annotated[float, Field(ge=0, lt=1)]
Several = Annotated[list[Positive], Field(min_length=1)]
OptimiserName = Literal["adam", "sgd", "adagrad", "rmsprop"]


class Step(Section):
    """After `epoch` epochs the learning rate is `factor` of the first one."""

    epoch: Positive
    factor: Above


class StepSchedule(Section):
    """A learning rate that falls by steps (FNet paper, §3.2: 0.1, 0.01, 0.001 after 75, 85, 90 epochs); none: fixed."""

    kind: Literal["step"]
    steps: list[Step]

    @field_validator("steps")
    @classmethod
    def _ascending(cls, steps):
        if any(one.epoch >= other.epoch for one, other in zip(steps[:-1], steps[1:], strict=True)):
            raise ValueError("steps follow each other in time")
        return steps


class PlateauSchedule(Section):
    """A learning rate that falls by `factor` whenever the select set's loss has not improved for `patience` epochs.

    It ends at `minimum`. The published FNet code: 0.2, 1.
    """

    kind: Literal["plateau"]
    factor: Annotated[float, Field(gt=0, lt=1)]
    patience: Annotated[int, Field(ge=0)]
    minimum: Annotated[float, Field(ge=0)]


class Reweight(Section):
    """Rare redshifts count more: weight = (density in log10(1 + z)) ** -power, at most `largest` times the mean one.

    The density is that of the training quasars, smoothed by `width` dex.
    """

    power: Above
    width: Above
    largest: Annotated[float, Field(ge=1)]


class Training(Section):
    """How a network is trained.

    Batch-norm statistics are those of `group` spectra. `gradient_clip`: the largest norm of a gradient. `folds`: also
    train on all but one of so many folds of the sample, each, and judge on that one (k-fold validation). The epoch
    with the most accurate redshifts on the select set is kept, of equal ones that with the smallest loss. A checkpoint
    is written every `checkpoint_seconds` of the clock. `threads` are torch's.
    """

    optimiser: OptimiserName
    learning_rate: Above
    schedule: Annotated[StepSchedule | PlateauSchedule, Field(discriminator="kind")]
    weight_decay: Annotated[float, Field(ge=0)] = Field(description="L2 penalty, as torch's optimisers add it")
    batch: Positive
    group: Annotated[int, Field(ge=2)]
    epochs: Positive
    gradient_clip: Above | None
    folds: Annotated[int, Field(ge=2)] | None
    reweight: Reweight | None
    checkpoint_seconds: Above
    threads: Positive

    @model_validator(mode="after")
    def _whole_groups(self):
        if self.batch % self.group:
            raise ValueError("batch must be a whole multiple of group")
        return self


class Regression(Section):
    """One number, the scaled redshift (the papers'). `classes`: also quasar, galaxy, star or sky."""

    kind: Literal["regression"]
    classes: bool


class Distribution(Section):
    """Probabilities of `bins` equal bins in log10(1 + z) from z[0] to z[1]; the target is smeared by `smooth` bins.

    `classes`: also quasar, galaxy, star or sky.
    """

    kind: Literal["distribution"]
    z: Annotated[list[Annotated[float, Field(gt=-1)]], Field(min_length=2, max_length=2)]
    bins: Annotated[int, Field(ge=8)]
    smooth: Above
    classes: bool

    @model_validator(mode="after")
    def _ordered(self):
        if not self.z[0] < self.z[1]:
            raise ValueError("z is [lowest, highest]")
        return self


Head = Annotated[Regression | Distribution, Field(discriminator="kind")]


class Scoring(Section):
    """How a trained network is applied: batches of `batch` spectra, on `threads` torch threads."""

    batch: Positive
    threads: Positive


class FNetSize(Section):
    """Channels of each residual block, kernels within a block, widths of the hidden dense layers."""

    channels: Several
    kernels: Several
    dense: Several


class RNetSize(Section):
    """Channels and kernels of each convolution, widths of the hidden dense layers, share of dropped features."""

    channels: Several
    kernels: Several
    dense: Several
    dropout: Part

    @model_validator(mode="after")
    def _pairs(self):
        if len(self.channels) != len(self.kernels):
            raise ValueError("each convolution has one number of channels and one kernel")
        return self


class QuasarNetSize(Section):
    """Convolutions, whether they pad (`same`), their filters, width of the dense layer, share of dropped features."""

    layers: Positive
    same: bool
    filters: Positive
    dense: Positive
    dropout: Part


class FNet(Section):
    """FNet (Rastegarnia et al. 2022)."""

    kind: Literal["fnet"]
    size: FNetSize
    input: Input
    head: Head
    training: Training
    scoring: Scoring


class RNet(Section):
    """RNet (Moradi et al., slides)."""

    kind: Literal["rnet"]
    size: RNetSize
    input: Input
    head: Head
    training: Training
    scoring: Scoring


class QuasarNetScoring(Scoring):
    """A spectrum shows a quasar when at least `lines` emission lines have a confidence above `confidence`."""

    lines: Annotated[int, Field(ge=1, le=6)]
    confidence: Annotated[float, Field(gt=0, lt=1)]


class QuasarNet(Section):
    """QuasarNET (Busca & Balland 2018; six layers: DESI's)."""

    kind: Literal["quasarnet"]
    size: QuasarNetSize
    input: Input
    training: Training
    scoring: QuasarNetScoring

    @field_validator("input")
    @classmethod
    def _boxes(cls, value):
        if not value.grid.startswith("quasarnet") or value.rebin != 1:
            raise ValueError("QuasarNET's boxes are those of the grids quasarnet and quasarnet_linear, not rebinned")
        return value


class PublishedQuasarNet(Section):
    """QuasarNET with published weights, a HDF5 file of Keras at `path`: nothing is trained."""

    kind: Literal["published_quasarnet"]
    path: str
    scoring: QuasarNetScoring


Network = Annotated[FNet | RNet | QuasarNet, Field(discriminator="kind")]


class Trained(Section):
    """Any of the networks, by its kind."""

    network: Network
