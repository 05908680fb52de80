"""Any file of spectra, by its name or else by what it holds; and the files of one shard."""

from collections.abc import Callable, Iterator
from pathlib import Path

from pipeline.settings.spectra.survey import Desi, Sdss, SpectraIndex
from pipeline.spectra.raw import RawSpectrum
from pipeline.surveys.desi import desi_root, read_coadd, redrock_path
from pipeline.surveys.fitsblocks import read_blocks
from pipeline.surveys.sdss import PLATE_NAME, SPEC_NAME, known_of_name, read_spec, read_spplate, zbest_paths
from pipeline.surveys.spectra_csv import known_of_row, open_listed, read_index, read_spectrum_csv
from pipeline.surveys.spectrum_doubts import SpectrumDoubts
from pipeline.surveys.unreadable import UnreadableFile

RealSection = Sdss | Desi | SpectraIndex


def read_spectra(path: Path | str, name: str | None = None) -> list[RawSpectrum]:
    """Read all spectra of a file: spec (lite or full), spPlate, a coadd of DESI, or CSV.

    Parameters
    ----------
    path : Path
    name : str, optional
        What `source` says of the file; its name by default.

    Raises
    ------
    UnreadableFile
        The file cannot be read, or is none of these.
    """
    path = Path(path)
    if path.name.endswith((".csv", ".csv.gz")):
        return [read_spectrum_csv(path, name)]
    if SPEC_NAME.search(path.name):
        return [read_spec(path, name)]
    if PLATE_NAME.search(path.name):
        return read_spplate(path, name)
    if path.name.startswith("coadd-"):
        return read_coadd(path, name)
    blocks = read_blocks(path, lambda *_: False)
    if any(block.name.endswith("_FLUX") for block in blocks):
        return read_coadd(path, name)
    if "COEFF0" in blocks[0].cards and blocks[0].cards.get("NAXIS") == 2:
        return read_spplate(path, name)
    if len(blocks) > 2 and all(block.cards.get("XTENSION") == "BINTABLE" for block in blocks[1:3]):
        return [read_spec(path, name)]
    raise UnreadableFile(
        "this file is no spectrum",
        where=path,
        value=", ".join(block.name or "-" for block in blocks[:6]),
        allowed="spec-PLATE-MJD-FIBER.fits, spPlate-PLATE-MJD.fits, coadd-*.fits, CSV with wave, flux, ivar",
    )


def survey_folder(section: RealSection) -> Path:
    """Return the root of a real survey.

    Raises
    ------
    PipelineError
        It does not exist.
    """
    if isinstance(section, Desi):
        return desi_root(section.root)
    if not Path(section.root).is_dir():
        raise UnreadableFile("the folder of the spectra does not exist", where="root", value=section.root)
    return Path(section.root)


def files_beside(path: Path) -> list[Path]:
    """Return the files that are read with one of spectra, those that exist: redshifts of Redrock, of spZbest."""
    redrock = redrock_path(path)
    return [redrock] if redrock else zbest_paths(path)[:1]


def read_named(root: Path, names: list[str], doubts: SpectrumDoubts) -> Iterator[RawSpectrum]:
    """Yield the spectra of files below a root; what cannot be read is carried without pixels, or refused."""
    for name in names:
        yield from _one(lambda name=name: read_spectra(root / name, name), name, known_of_name(name), doubts)


def read_listed(root: Path, index: str, names: list[str], doubts: SpectrumDoubts) -> Iterator[RawSpectrum]:
    """Yield the spectra of rows of an index, given by the column `file`; as `read_named`."""
    table = read_index(root, index).set_index("file", drop=False)
    for name in names:
        row = table.loc[name]
        yield from _one(lambda row=row: [open_listed(row)], name, known_of_row(row), doubts)


def _one(read: Callable[[], list[RawSpectrum]], name: str, known: dict, doubts: SpectrumDoubts) -> list[RawSpectrum]:
    try:
        return read()
    except UnreadableFile as error:
        return [doubts.unreadable(error, name, known)]
