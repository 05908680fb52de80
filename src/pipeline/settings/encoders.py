"""Settings `encoders`: networks that turn an image into an embedding, by name."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from pipeline.settings.base import Section

Positive = Annotated[int, Field(gt=0)]


class Network(Section):
    """A residual network. `width` is the number of channels of its first stage (64 is the published size).

    `stem`: `standard` is 7x7 with stride 2 and max pooling; `small` is 3x3 with stride 2 and no pooling, for inputs
    of about 50 pixels.
    """

    name: Literal["resnet18", "resnet50"]
    width: Annotated[int, Field(ge=4)]
    stem: Literal["standard", "small"]


class ViewerRGB(Section):
    """The colours of the Legacy Surveys viewer, clipped to [0, 1]."""

    kind: Literal["viewer_rgb"]


class Asinh(Section):
    """asinh(flux / scale) in each of g, r, z: linear at the noise, logarithmic in the cores. Scales in nanomaggies."""

    kind: Literal["asinh"]
    scale: Annotated[list[Annotated[float, Field(gt=0)]], Field(min_length=3, max_length=3)]


class View(Section):
    """What the network sees: the central `crop` pixels, averaged down to `pixels`, transformed."""

    crop: Positive
    pixels: Positive
    transform: Annotated[ViewerRGB | Asinh, Field(discriminator="kind")]

    @model_validator(mode="after")
    def _whole(self):
        if self.crop % self.pixels:
            raise ValueError("crop must be a whole multiple of pixels")
        return self


class MocoTraining(Section):
    """MoCo v2 (He et al. 2020, Chen, X. et al. 2020): queue and temperature, key momentum, SGD with a cosine to zero.

    `batch` objects make a step; batch-norm statistics are those of groups of `group` objects. `queue` is a multiple of
    `batch`. `projection` is the dimension of the vectors compared. `threads` are torch's, `workers` the processes that
    read images beside the training (0: none).
    """

    epochs: Positive
    batch: Positive
    group: Annotated[int, Field(ge=2)]
    queue: Positive
    temperature: Annotated[float, Field(gt=0)]
    key_momentum: Annotated[float, Field(ge=0, lt=1)]
    projection: Positive
    learning_rate: Annotated[float, Field(gt=0)]
    sgd_momentum: Annotated[float, Field(ge=0, lt=1)]
    weight_decay: Annotated[float, Field(ge=0)]
    threads: Positive
    workers: Annotated[int, Field(ge=0)]

    @model_validator(mode="after")
    def _divisible(self):
        if self.batch % self.group:
            raise ValueError("batch must be a whole multiple of group")
        if self.queue % self.batch:
            raise ValueError("queue must be a whole multiple of batch")
        return self


class MocoEncoder(Section):
    """An encoder pre-trained here without labels."""

    kind: Literal["moco"]
    network: Network
    view: View
    training: MocoTraining


class UntrainedEncoder(Section):
    """Random weights; the batch-norm statistics are those of one pass over the pre-training sample."""

    kind: Literal["untrained"]
    network: Network
    view: View
    batch: Positive
    threads: Positive


class PublishedWeights(Section):
    """An encoder trained elsewhere: a file of torch weights whose names, after `prefix`, are torchvision's."""

    kind: Literal["published_weights"]
    network: Network
    view: View
    path: str
    prefix: str


class PublishedEmbeddings(Section):
    """Embeddings computed elsewhere: `path` is a .npy of shape (N, D), `ids` a .npy of the N object ids."""

    kind: Literal["published_embeddings"]
    path: str
    ids: str


Encoder = Annotated[
    MocoEncoder | UntrainedEncoder | PublishedWeights | PublishedEmbeddings, Field(discriminator="kind")
]
