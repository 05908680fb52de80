"""Products published elsewhere that stand in for a stage: embeddings and lists of scores.

| input | behaviour |
|---|---|
| not a .npy, truncated, not (N, D) floats; ids not N integers, one twice | refused and named |
| an object of the shard without an embedding, or one that is not finite or beyond float16 | refused, with the object |
| a list of scores that cannot be read, lacks a column, or names an id twice | refused and named |
| positions: an object takes the nearest row within the radius | a row may serve two objects at its place |
| an object that the list does not name, or names with a NaN | the score `unlisted`; refused where that is null |
| a probability of exactly 0 or 1 | the logit of 1e-7 or of 1 - 1e-7 |
"""

from pathlib import Path

import numpy as np
import pandas as pd
from astropy.table import Table

from pipeline.data.sky import nearest
from pipeline.errors import PipelineError
from pipeline.settings.models import ById, PublishedScores
from pipeline.surveys.unreadable import UnreadableFile

FLOAT16_MAX = 65504.0
LEAST_PROBABILITY = 1e-7


class PublishedEmbeddings:
    """Embeddings of many objects in a .npy file, read by the row as they are asked for.

    Parameters
    ----------
    path, ids : Path
        Arrays (N, D) of floats and (N,) of object ids, in the same order.

    Raises
    ------
    UnreadableFile
        See the table of the module.
    """

    def __init__(self, path: Path, ids: Path):
        self.path = path
        self._values = _load(path)
        object_id = _load(ids)
        if self._values.ndim != 2 or self._values.dtype.kind != "f":
            found = f"{self._values.shape} {self._values.dtype}"
            raise UnreadableFile("not embeddings", where=path, value=found, allowed="(N, D) floats")
        if object_id.shape != self._values.shape[:1] or object_id.dtype.kind not in "iu":
            raise UnreadableFile(
                "the ids are not those of the embeddings",
                where=ids,
                value=f"{object_id.shape} {object_id.dtype}",
                allowed=f"({self._values.shape[0]},) integers",
            )
        self._order = np.argsort(object_id, kind="stable")
        self._ids = np.asarray(object_id)[self._order]
        if (self._ids[1:] == self._ids[:-1]).any():
            twice = self._ids[1:][self._ids[1:] == self._ids[:-1]][0]
            raise UnreadableFile("an object has two embeddings", where=ids, value=int(twice))

    def of(self, object_id: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return embeddings (n, D) float16, not normalised, and their lengths (n,) float32, of objects (n,).

        Raises
        ------
        PipelineError
            An object has no embedding, or one that float16 cannot hold.
        """
        place = np.searchsorted(self._ids, object_id)
        found = place < len(self._ids)
        found[found] = self._ids[place[found]] == object_id[found]
        if not found.all():
            raise PipelineError(
                f"{int((~found).sum())} of {len(found)} objects have no published embedding",
                where=self.path,
                value=f"object {int(object_id[~found][0])}",
                next="ingest the objects that were embedded, or embed with the published weights",
            )
        rows = self._order[place]
        by_file = np.argsort(rows)  # a file on disk is read forwards
        values = np.empty((len(rows), self._values.shape[1]), dtype=np.float32)
        values[by_file] = self._values[rows[by_file]]
        bad = ~(np.abs(values).max(axis=1, initial=0) <= FLOAT16_MAX)
        if bad.any():
            raise PipelineError(
                f"{int(bad.sum())} published embeddings do not fit into float16",
                where=f"{self.path}: object {int(object_id[bad][0])}",
                allowed=f"finite, at most {FLOAT16_MAX:.0f}",
            )
        stored = values.astype(np.float16)
        return stored, np.sqrt(np.sum(stored.astype(np.float64) ** 2, axis=1)).astype(np.float32)


def _load(path: Path) -> np.ndarray:
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError:
        raise UnreadableFile("file not found", where=path) from None
    except (OSError, ValueError, EOFError) as error:
        raise UnreadableFile("not a .npy array, or truncated", where=path, value=str(error).splitlines()[0]) from None


class ScoreList:
    """A published list of scores.

    Parameters
    ----------
    path : Path
        .csv, .tsv, .ecsv, .fits or .parquet.
    settings : PublishedScores

    Raises
    ------
    UnreadableFile
        The table cannot be read, lacks a column or names an id twice.
    """

    def __init__(self, path: Path, settings: PublishedScores):
        self.path, self._settings = path, settings
        how = settings.match
        names = [how.object_id] if isinstance(how, ById) else [how.ra, how.dec]
        table = _read_table(path)
        missing = [name for name in (*names, settings.score) if name not in table]
        if missing:
            raise UnreadableFile("the list of scores lacks columns", where=path, value=missing, allowed=list(table))
        try:
            score = table[settings.score].to_numpy(dtype=np.float64)
            kind = np.int64 if isinstance(how, ById) else np.float64
            self._keys = [table[name].to_numpy(dtype=kind) for name in names]
        except (ValueError, TypeError, OverflowError) as error:
            raise UnreadableFile("the list of scores holds what is no number", where=path, value=error) from None
        if isinstance(how, ById) and len(np.unique(self._keys[0])) != len(score):
            raise UnreadableFile("the list of scores names an object twice", where=path, value=how.object_id)
        if settings.scale == "probability":
            wrong = (score < 0) | (score > 1)
            if wrong.any():
                raise UnreadableFile("not probabilities", where=path, value=score[wrong][0], allowed="0 to 1")
            clipped = np.clip(score, LEAST_PROBABILITY, 1 - LEAST_PROBABILITY)
            score = np.log(clipped) - np.log1p(-clipped)
        self._score = score

    def of(self, object_id: np.ndarray, ra: np.ndarray, dec: np.ndarray) -> tuple[np.ndarray, int]:
        """Return the logits (n,) float32 of objects (n,) with positions in degrees, and how many the list names.

        Raises
        ------
        PipelineError
            The list does not name an object, and `unlisted` is null.
        """
        how = self._settings.match
        if isinstance(how, ById):
            order = np.argsort(self._keys[0])
            place = np.minimum(np.searchsorted(self._keys[0][order], object_id), max(len(order) - 1, 0))
            row = np.where(self._keys[0][order][place] == object_id, order[place], -1) if len(order) else place - 1
        else:
            row, _ = nearest(ra, dec, *self._keys, how.radius_arcsec)
        score = np.where(row >= 0, self._score[row] if len(self._score) else np.nan, np.nan)
        named = np.isfinite(score)
        if not named.all() and self._settings.unlisted is None:
            raise PipelineError(
                f"the list of scores does not name {int((~named).sum())} of {len(named)} objects",
                where=self.path,
                value=f"object {int(object_id[~named][0])}",
                next="set `unlisted` of this model to the logit that such objects get",
            )
        return np.where(named, score, self._settings.unlisted or 0.0).astype(np.float32), int(named.sum())


def _read_table(path: Path) -> pd.DataFrame:
    try:
        match "".join(path.suffixes[-2:]) if path.suffix == ".gz" else path.suffix:
            case ".csv" | ".csv.gz":
                return pd.read_csv(path)
            case ".tsv" | ".tsv.gz":
                return pd.read_csv(path, sep="\t")
            case ".parquet":
                return pd.read_parquet(path)
            case ".ecsv" | ".fits" | ".fits.gz":
                return Table.read(path).to_pandas()
    except FileNotFoundError:
        raise UnreadableFile("file not found", where=path) from None
    except Exception as error:  # every reader has errors of its own
        raise UnreadableFile("this table cannot be read", where=path, value=str(error).splitlines()[0]) from None
    raise UnreadableFile("unknown format of a table", where=path, allowed=".csv .tsv .ecsv .fits .parquet")
