"""The settings of a whole run: all sections together."""

import json
from typing import Annotated, Literal

from pydantic import Field, model_validator

from pipeline.settings.assess import Assess
from pipeline.settings.augmentation import Augmentation
from pipeline.settings.base import Section
from pipeline.settings.calibrate import Calibrate
from pipeline.settings.embed import Embed
from pipeline.settings.encoders import Encoder
from pipeline.settings.grading import Grading
from pipeline.settings.ingest import Ingest
from pipeline.settings.labels import Labels
from pipeline.settings.models import Model
from pipeline.settings.pretraining import Pretraining
from pipeline.settings.rank import Rank
from pipeline.settings.release import Release
from pipeline.settings.sample import Sample
from pipeline.settings.searches import Search
from pipeline.settings.similarity import Similarity
from pipeline.settings.spectra.run import Spectra
from pipeline.settings.splits import Splits
from pipeline.settings.survey import Survey

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_]+$")]

# Assessments that are no model's, in the same folder as those of the models.
RESERVED_NAMES = ("comparison", "training_ratios", "survey", "candidates", "classes")


# The sections of the image half, those of them that a survey of images needs, and what an absent one holds if not null.
IMAGE_HALF = (
    "survey",
    "ingest",
    "labels",
    "splits",
    "sample",
    "augmentation",
    "pretraining",
    "encoders",
    "embed",
    "similarity",
    "searches",
    "models",
    "calibrate",
    "assess",
    "rank",
    "grading",
    "release",
)
NEEDED = ("ingest", "splits", "augmentation", "pretraining", "embed", "assess")
EMPTY = {"encoders": {}, "searches": [], "models": {}}


class RunSettings(Section):
    """Every setting of a run. A section that is null is switched off, with all that needs it.

    A run has an image half (`survey` and what follows it), a spectra half (`spectra`), or both. A half of which no
    section is given is switched off.
    """

    run: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
    seed: Annotated[int, Field(ge=0)]
    # "cuda" fails where there is no GPU, "auto" falls back to the CPU. It changes products by rounding only.
    device: Literal["auto", "cuda", "cpu"]
    survey: Survey | None
    ingest: Ingest | None
    labels: Labels | None
    splits: Splits | None
    sample: Sample | None
    augmentation: Augmentation | None
    pretraining: Pretraining | None
    encoders: dict[Name, Encoder]
    embed: Embed | None
    similarity: Similarity | None
    searches: list[Search]
    models: dict[Name, Model]
    calibrate: Calibrate | None
    assess: Assess | None
    rank: Rank | None
    grading: Grading | None
    release: Release | None
    spectra: Spectra | None

    @model_validator(mode="before")
    @classmethod
    def _halves(cls, values):
        if not isinstance(values, dict):
            return values
        values = {"spectra": None, **values}
        if not set(values) & set(IMAGE_HALF):
            values |= {name: EMPTY.get(name) for name in IMAGE_HALF}
        return values

    @model_validator(mode="after")
    def _halves_are_whole(self):
        if self.survey is None and self.spectra is None:
            raise ValueError("there is neither a survey of images (survey) nor one of spectra (spectra)")
        for name in NEEDED if self.survey else ():
            if getattr(self, name) is None:
                raise ValueError(f"{name} is null, which survey does not allow")
        for name in () if self.survey else IMAGE_HALF:
            if getattr(self, name):
                raise ValueError(f"{name} needs a survey")
        return self

    def image_half(self) -> dict:
        """Return the settings without those of the spectra half, JSON-ready."""
        return {name: value for name, value in self.plain().items() if name != "spectra"}

    @model_validator(mode="after")
    def _names_agree(self):
        if reserved := sorted(set(self.models) & set(RESERVED_NAMES)):
            raise ValueError(f"models: {', '.join(reserved)} is the name of another assessment; choose another")
        if self.sample is not None:
            for name, model in self.models.items():
                tier = getattr(model, "training", model).tier
                if tier is not None and tier >= len(self.sample.ratios):
                    last = len(self.sample.ratios) - 1
                    raise ValueError(f"models: {name} trains on tier {tier}; sample.ratios has tiers 0 to {last}")
        for feature in (name for model in self.models.values() for name in getattr(model, "features", [])):
            encoder = feature.removeprefix("embedding.")
            if encoder != feature and encoder not in self.encoders:
                raise ValueError(f"models: {feature} names no encoder; there are: {', '.join(self.encoders)}")
        for search in self.searches:
            if search.encoder not in self.encoders:
                raise ValueError(f"searches: {search.encoder} is no encoder; there are: {', '.join(self.encoders)}")
            if self.similarity is None or search.neighbours > self.similarity.neighbours:
                raise ValueError(f"searches: {search.name} asks for more neighbours than similarity.neighbours keeps")
        if self.rank is not None:
            if unknown := sorted(set(self.rank.models) - set(self.models)):
                raise ValueError(f"rank.models: {', '.join(unknown)} is no model; there are: {', '.join(self.models)}")
            if not (self.labels and self.sample and self.calibrate):
                raise ValueError("rank needs labels, sample and calibrate")
        if self.release is not None and not (self.rank and self.grading and self.assess.ranking):
            raise ValueError("release needs rank, grading and assess.ranking")
        return self


def schema_text() -> str:
    """Return the JSON schema of the settings as text."""
    return json.dumps(RunSettings.model_json_schema(), indent=1, sort_keys=True) + "\n"
