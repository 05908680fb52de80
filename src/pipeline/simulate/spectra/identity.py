"""How files and catalogues name the spectra of a shard."""

from dataclasses import dataclass

from pipeline.simulate.spectra import boss_files, desi_files
from pipeline.simulate.spectra.layout import number
from pipeline.simulate.spectra.shard import Spectrum


@dataclass(frozen=True)
class Identity:
    """Plate, day and fibre (-1 for DESI), and TARGETID (0 for SDSS and BOSS)."""

    plate: int
    mjd: int
    fiber: int
    targetid: int
    thing_id: int


def identity(row: dict, spectrum: Spectrum) -> Identity:
    """Return what names a spectrum of a shard (row with sources)."""
    what, value = number(row["sources"])
    if what == "plate":
        fiber = spectrum.row + 1
        thing = -1 if spectrum.kind == "sky" else boss_files.thing_id(value, fiber)
        return Identity(value, boss_files.mjd(value), fiber, 0, thing)
    return Identity(-1, -1, -1, desi_files.target_id(value, spectrum.row, spectrum.kind == "sky"), -1)
