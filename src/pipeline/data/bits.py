"""Registries of bits: each with a place, a name and a meaning."""

from collections.abc import Iterable
from dataclasses import dataclass

from pipeline.errors import PipelineError


@dataclass(frozen=True)
class Bit:
    """One bit of a mask."""

    bit: int
    name: str
    meaning: str


class Registry:
    """The bits of one mask.

    Parameters
    ----------
    what : str
        What an error calls one of them.
    entries : tuple of Bit
    """

    def __init__(self, what: str, entries: tuple[Bit, ...]):
        self._what, self._entries = what, entries
        self._by_name = {one.name: one for one in entries}

    def bit(self, name: str) -> int:
        """Return the value (a power of two) of a named bit.

        Raises
        ------
        PipelineError
            No bit has that name.
        """
        if name not in self._by_name:
            raise PipelineError(f"unknown {self._what}", value=name, allowed=", ".join(self._by_name))
        return 1 << self._by_name[name].bit

    def combine(self, names: Iterable[str]) -> int:
        """Return the value with all the named bits set; errors as `bit`."""
        value = 0
        for name in names:
            value |= self.bit(name)
        return value

    def names(self, value: int) -> list[str]:
        """Return the names of the bits that are set in a value."""
        return [one.name for one in self._entries if int(value) >> one.bit & 1]
