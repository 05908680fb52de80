"""The text `sources` of a shard of spectra: files below the root of the survey, told shortly.

    DIR/spec-3655-55240-*.fits.gz=0002,0054;DIR/*=coadd-main-dark-9144.fits

Each part is a pattern and what its star stands for; a plate of a thousand fibres takes five characters a file.
"""

import re
from collections.abc import Iterable

from pipeline.errors import PipelineError

_SPEC = re.compile(r"(.*spec-\d+-\d+-)(\d+)(\.fits(?:\.gz)?)")
_SYNTAX = set(",;=*?[ \t")


def split_name(name: str) -> tuple[str, str]:
    """Return the pattern of a file's path and what stands for its star."""
    spec = _SPEC.fullmatch(name)
    if spec:
        return f"{spec[1]}*{spec[3]}", spec[2]
    folder, slash, last = name.rpartition("/")
    return f"{folder}{slash}*", last


def join_names(names: Iterable[str]) -> str:
    """Return files as one text; their order stays within a pattern.

    Raises
    ------
    PipelineError
        A name has characters of the syntax.
    """
    parts: dict[str, list[str]] = {}
    for name in names:
        if set(name) & _SYNTAX:
            raise PipelineError("a file name has characters of the list's syntax", value=name)
        pattern, middle = split_name(name)
        parts.setdefault(pattern, []).append(middle)
    return ";".join(f"{pattern}={','.join(middles)}" for pattern, middles in parts.items())


def names_of(sources: str) -> list[str]:
    """Return the files of such a text.

    Raises
    ------
    PipelineError
        The text does not have the syntax.
    """
    names = []
    for part in sources.split(";"):
        pattern, equals, middles = part.partition("=")
        if not equals or pattern.count("*") != 1 or not middles:
            raise PipelineError(
                "malformed `sources` in the list of shards",
                value=sources[:200],
                allowed="PATTERN=NAME,NAME;…",
                next="skysieve index CONFIG writes the list anew",
            )
        names += [pattern.replace("*", middle) for middle in middles.split(",")]
    return names
