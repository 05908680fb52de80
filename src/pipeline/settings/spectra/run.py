"""Settings `spectra`: the spectra half of a run."""

from pipeline.settings.base import Section


class Spectra(Section):
    """Section `spectra`."""
