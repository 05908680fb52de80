"""From a list of objects, positions or URLs to the files that an archive holds for them."""

import re
from pathlib import Path, PurePosixPath

import pandas as pd

from pipeline.data.user_tables import read_user_table, texts
from pipeline.errors import PipelineError
from pipeline.surveys.fetch import archives
from pipeline.surveys.fetch.objects import MAKERS
from pipeline.surveys.fetch.wanted import KINDS, Candidate, Choice, Wanted


def url_lines(path: Path) -> list[str] | None:
    """Return the URLs of a file with one a line, as `wget -i` takes them; None where the file is something else."""
    try:
        with path.open("rb") as file:
            if not file.read(8).lstrip().startswith((b"http", b"#")):  # tables may be large
                return None
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        raise PipelineError("the list does not exist", where=path) from None
    except UnicodeDecodeError:
        return None
    lines = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    return lines if lines and all(re.match(r"https?://\S+$", line) for line in lines) else None


def make_plan(path: Path, choice: Choice | None, base: str | None = None) -> list[Wanted]:
    """Return the files for a list, each once, in the order of the list.

    Parameters
    ----------
    path : Path
        A list of URLs, or a table in any format of `data.user_tables`: `url`; plate, mjd, fiber and perhaps run2d;
        or ra and dec in degrees, with whatever there is of survey, program, healpix, region, brickname. Columns
        `sha256` or `sha1` are the sums of the files where each row names one.
    choice : Choice or None
        None is enough for URLs.
    base : str or None
        Root of the URLs of a list.

    Raises
    ------
    PipelineError
        The list cannot be read or lacks what `choice` needs; a row has no number where one is needed; a URL is not
        below the root of a release.
    """
    urls = url_lines(path)
    if urls is not None:
        wanted = [_of_url(url, base, f"{path}, line {line}") for line, url in enumerate(urls, 1)]
    else:
        table = read_user_table(path).rename(columns=lambda name: str(name).lower())
        digests = _digests(table, path)
        if "url" in table.columns:
            rows = zip(texts(table, "url", path), digests, strict=True)
            wanted = [_of_url(url, base, f"{path}, row {row}", sum_) for row, (url, sum_) in enumerate(rows, 1)]
        elif choice is None:
            raise PipelineError("a list of objects needs --what", where=path, allowed=", ".join(KINDS))
        else:
            wanted = MAKERS[choice.what](table, choice, path, digests)
    unique: dict[str, Wanted] = {}
    for each in wanted:
        unique.setdefault(each.candidates[0].file, each)
    return list(unique.values())


def wget_text(plan: list[Wanted]) -> str:
    """Return the URLs of a plan, one a line, for `wget -i`; of a file that may be in several places, all of them."""
    return "".join(f"{candidate.url}\n" for wanted in plan for candidate in wanted.candidates)


def _of_url(url: str, base: str | None, where: str, digest: str = "") -> Wanted:
    file = archives.below_root(url, base)
    if file is None or not file or ".." in PurePosixPath(file).parts or file.startswith("/") or file.endswith("/"):
        raise PipelineError(
            "this URL is no file below the root of a release",
            where=where,
            value=url,
            next="give the URL that stands before the archive's own folders with --base",
        )
    return Wanted((Candidate(url, file),), digest=digest)


def _digests(table: pd.DataFrame, path: Path) -> list[str]:
    for name, length in (("sha256", 64), ("sha1", 40)):
        if name in table.columns:
            found = texts(table, name, path)
            for row, text in enumerate(found, 1):
                if text and not re.fullmatch(rf"[0-9a-fA-F]{{{length}}}", text):
                    raise PipelineError(f"not a {name}", where=f"{path}, row {row}", value=text)
            return found.tolist()
    return [""] * len(table)
