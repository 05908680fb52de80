"""The settings of a whole run: all sections together."""

import json
from typing import Annotated

from pydantic import Field

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
from pipeline.settings.splits import Splits
from pipeline.settings.survey import Survey

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_]+$")]


class RunSettings(Section):
    """Every setting of a run. A section that is null is switched off, with all that needs it."""

    run: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
    seed: Annotated[int, Field(ge=0)]
    survey: Survey
    ingest: Ingest
    labels: Labels | None
    splits: Splits
    sample: Sample | None
    augmentation: Augmentation
    pretraining: Pretraining
    encoders: dict[Name, Encoder]
    embed: Embed
    similarity: Similarity | None
    searches: list[Search]
    models: dict[Name, Model]
    calibrate: Calibrate | None
    assess: Assess
    rank: Rank | None
    grading: Grading | None
    release: Release | None


def schema_text() -> str:
    """Return the JSON schema of the settings as text."""
    return json.dumps(RunSettings.model_json_schema(), indent=1, sort_keys=True) + "\n"
