"""What happens to a bad object: flagged, counted and carried, or refused."""

from collections import Counter

import numpy as np

from pipeline.data.flags import bit
from pipeline.errors import PipelineError


class Doubts:
    """Counts objects by what is wrong with them; under the policy `error` the first one is refused.

    Parameters
    ----------
    policy : {"flag", "error"}
        Setting `ingest.on_bad_object`.

    Attributes
    ----------
    counts : Counter
        Objects by name of the flag.
    notes : list of (str, str)
        What is wrong and where, one entry a file or object; for the log.
    """

    def __init__(self, policy: str):
        self.policy = policy
        self.counts: Counter[str] = Counter()
        self.notes: list[tuple[str, str]] = []

    def flag(self, name: str, objects: int, *, where: object, value: object) -> np.int32:
        """Count objects and return the value of their flag.

        Raises
        ------
        PipelineError
            The policy is `error`.
        """
        if self.policy == "error":
            raise PipelineError(
                f"bad input: {name}, {objects} object(s)",
                where=where,
                value=value,
                next="mend or remove the file, or set `ingest.on_bad_object: flag` to carry such objects with a flag",
            )
        self.counts[name] += objects
        self.notes.append((f"{name}: {value}", str(where)))
        return np.int32(bit(name))

    def left_out(self, reason: str, objects: int, *, where: object) -> None:
        """Count rows that cannot become objects (no position, a repeated identity).

        Raises
        ------
        PipelineError
            The policy is `error`.
        """
        if self.policy == "error":
            raise PipelineError(
                f"{objects} row(s) of the catalogue cannot become objects: {reason}",
                where=where,
                next="mend the file, or set `ingest.on_bad_object: flag` to leave such rows out and count them",
            )
        self.counts[f"left out, {reason}"] += objects
        self.notes.append((f"left out {objects} row(s): {reason}", str(where)))
