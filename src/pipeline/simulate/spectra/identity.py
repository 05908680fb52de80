"""How files and catalogues name the spectra of a shard."""

from dataclasses import dataclass
from pathlib import PurePosixPath

from pipeline.data.spectrum_ids import desi_spectrum, pack_sdss, sdss_object
from pipeline.simulate.spectra import boss_files, desi_files
from pipeline.simulate.spectra.layout import number
from pipeline.simulate.spectra.shard import Spectrum


@dataclass(frozen=True)
class Identity:
    """Plate, day and fibre (-1 for DESI), TARGETID (0 for SDSS and BOSS), and the ids that readers make."""

    spectrum_id: int
    object_id: int
    plate: int
    mjd: int
    fiber: int
    targetid: int
    thing_id: int


def identity(row: dict, spectrum: Spectrum) -> Identity:
    """Return what names a spectrum of a shard (row with sources)."""
    what, value = number(row["sources"])
    if what == "plate":
        fiber, day = spectrum.row + 1, boss_files.mjd(value)
        thing = -1 if spectrum.kind == "sky" else boss_files.thing_id(value, fiber)
        ids = pack_sdss(value, day, fiber), sdss_object(thing, value, day, fiber)
        return Identity(*ids, value, day, fiber, 0, thing)
    target = desi_files.target_id(value, spectrum.row, spectrum.kind == "sky")
    coadd = PurePosixPath(desi_files.paths(row)[0]).name
    return Identity(desi_spectrum(coadd, target), target, -1, -1, -1, target, -1)
