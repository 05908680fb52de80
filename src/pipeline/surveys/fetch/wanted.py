"""What is wanted of which archive."""

import math
from dataclasses import dataclass

from pipeline.errors import PipelineError
from pipeline.surveys.fetch import archives
from pipeline.surveys.releases import SWEEP_VERSIONS

KINDS = {
    "sdss-spectra": "sdss",
    "desi-coadds": "desi",
    "legacy-sweeps": "legacy",
    "legacy-bricks": "legacy",
    "legacy-cutouts": "viewer",
}
RELEASES = {
    "sdss": archives.sdss_releases(),
    "desi": sorted(archives.SPECPRODS),
    "legacy": list(SWEEP_VERSIONS),
    "viewer": list(SWEEP_VERSIONS),
}
_USUAL = {"sdss": "dr16", "desi": "dr1", "legacy": "dr9", "viewer": "dr9"}


@dataclass(frozen=True)
class Candidate:
    """A place where a file may be: URL, path below the folder of the target, and URL of the sums of that place."""

    url: str
    file: str
    sums: str = ""


@dataclass(frozen=True)
class Wanted:
    """One file that is wanted: the places to try in order, its position in degrees, and its sum, where known."""

    candidates: tuple[Candidate, ...]
    ra: float = math.nan
    dec: float = math.nan
    digest: str = ""


@dataclass(frozen=True)
class Choice:
    """What is wanted of an archive.

    Attributes
    ----------
    what : str
        A key of `KINDS`.
    release : str or None
        None is the usual one of the archive.
    base : str or None
        URL of the root of the release; None is the archive's own.
    full : bool
        SDSS: spectra with their single exposures.
    survey, program : str or None
        DESI, where the list has no such columns; None is the survey that holds most of the release, and dark.
    photo_z : bool
        Sweeps: also those of photometric redshifts.
    bands : str
        Of bricks and cutouts.
    pixels : int
        Side of cutouts.
    """

    what: str
    release: str | None = None
    base: str | None = None
    full: bool = False
    survey: str | None = None
    program: str | None = None
    photo_z: bool = False
    bands: str = "grz"
    pixels: int = 152

    def __post_init__(self):
        if self.what not in KINDS:
            raise PipelineError("unknown kind of files", where="--what", value=self.what, allowed=", ".join(KINDS))
        if not set(self.bands) <= set("griz") or not self.bands:
            raise PipelineError("unknown bands", where="--bands", value=self.bands, allowed="some of g, r, i, z: grz")
        allowed = RELEASES[self.archive]
        if self.release is not None and self.release not in allowed:
            raise PipelineError(
                "no such release of this archive", where="--release", value=self.release, allowed=", ".join(allowed)
            )

    @property
    def archive(self) -> str:
        """The archive: sdss, desi, legacy or viewer."""
        return KINDS[self.what]

    @property
    def of(self) -> str:
        """The release."""
        return self.release or _USUAL[self.archive]

    def url(self, path: str) -> str:
        """Return the URL of a path below the root of the release."""
        base = self.base or archives.BASES[self.archive].format(release=self.of)
        return f"{base.rstrip('/')}/{path}"
