"""Settings `embed`: how images go through an encoder."""

from typing import Annotated

from pydantic import Field

from pipeline.settings.base import Section


class Embed(Section):
    """Every forward batch has `batch` images (the last one is padded), on `threads` torch threads."""

    batch: Annotated[int, Field(gt=0)]
    threads: Annotated[int, Field(gt=0)]
