"""Read the raw spectra of a batch of shards: they are put on one grid and become spectrum shards and catalogue.

Inputs: the files that `rows` names (a simulated survey's manifest), a table of quasars. Outputs: manifests of both
datasets.
"""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from pydantic import TypeAdapter

from pipeline.data.manifests import read_manifest
from pipeline.data.spectrum_columns import as_frame
from pipeline.data.spectrum_shards import write_spectrum_shard
from pipeline.data.tables import write_parquet
from pipeline.settings.spectra.ingest import SpectraIngest
from pipeline.settings.spectra.survey import RealSpectra
from pipeline.spectra.grids import grid
from pipeline.spectra.raw import RawSpectrum
from pipeline.stages._door import Job, door
from pipeline.surveys.quasar_catalogues import QuasarTable
from pipeline.surveys.spectra_files import files_beside, read_listed, read_named, survey_folder
from pipeline.surveys.spectra_sources import names_of
from pipeline.surveys.spectrum_doubts import SpectrumDoubts
from pipeline.surveys.spectrum_rows import gather

NOTES = 20  # lines of the log a shard may take for single bad files


class _Simulated:
    """The raw files that a manifest lists by shard."""

    def __init__(self, job: Job):
        self._root = job.paths["survey"][0].parent
        self._entries = {entry.shard: entry for path in job.paths["survey"] for entry in read_manifest(path).shards}

    def files(self, row: dict) -> list[Path]:
        return [self._root / name for name in sorted(self._entries[row["shard"]].files)]

    def read(self, row: dict, doubts: SpectrumDoubts) -> Iterator[RawSpectrum]:
        names = [name for name in sorted(self._entries[row["shard"]].files) if not _is_redrock(name)]
        return read_named(self._root, names, doubts)


def _is_redrock(name: str) -> bool:
    return Path(name).name.startswith("redrock-")


class _Real:
    """The raw files that the list of shards names below the root of a survey."""

    def __init__(self, section):
        self._section, self._root = section, survey_folder(section)

    def files(self, row: dict) -> list[Path]:
        section, names = self._section, names_of(row["sources"])
        if section.kind == "spectra_index":
            return self._index_files(names)
        paths = [self._root / name for name in names]
        return [one for path in paths for one in (path, *files_beside(path)) if one.is_file()]

    def _index_files(self, names: list[str]) -> list[Path]:
        folder = (self._root / self._section.table).parent
        places = [folder / name for name in names] + [folder.joinpath(*Path(name).parts[1:]) for name in names]
        return [self._root / self._section.table, *(path for path in places if path.is_file())]

    def read(self, row: dict, doubts: SpectrumDoubts) -> Iterator[RawSpectrum]:
        names = names_of(row["sources"])
        if self._section.kind == "spectra_index":
            return read_listed(self._root, self._section.table, names, doubts)
        return read_named(self._root, names, doubts)


def run(job: Job) -> None:
    """Make the shards of the batch."""
    ingest, survey = SpectraIngest.parse(job.settings["ingest"]), job.settings["survey"]
    simulated = survey["kind"] == "simulated"
    rows = {row["shard"]: row for row in json.loads(job.values["rows"])}
    raw = _Simulated(job) if simulated else _Real(TypeAdapter(RealSpectra).validate_json(json.dumps(survey)))
    tables = job.paths["quasars"]
    table = QuasarTable(tables[0], survey=survey.get("survey"), program=survey.get("program")) if tables else None
    target = grid(ingest.grid)

    def make(shard: str, out: dict[str, Path]) -> int:
        row, doubts = rows[shard], SpectrumDoubts(ingest.on_bad_object)
        found = gather(raw.read(row, doubts), ingest, table, doubts, tranche=row["tranche"], simulated=simulated)
        job.rows_in += found.counts["file"]
        write_spectrum_shard(
            out["shards"], found.flux, found.ivar, found.mask, found.columns, target.attrs, simulated=simulated
        )
        write_parquet(as_frame(found.columns), out["catalogue"], {**target.attrs, "simulated": simulated})
        job.log.event("selected", shard=shard, kept=len(found.flux), **found.counts)
        _report(job, shard, doubts)
        return len(found.flux)

    outputs = {"shards": (job.out["shards"], ".h5"), "catalogue": (job.out["catalogue"], ".parquet")}
    job.dataset(
        outputs=outputs, entries=[(shard, [*raw.files(row), *tables]) for shard, row in rows.items()], make=make
    )


def _report(job: Job, shard: str, doubts: SpectrumDoubts) -> None:
    for (what, where), times in list(Counter(doubts.notes).items())[:NOTES]:
        job.log.warning(what, shard=shard, where=where, times=times)
    if len(set(doubts.notes)) > NOTES:
        job.log.warning("more bad input than is listed here", shard=shard, kinds=len(set(doubts.notes)))
    for name, count in sorted(doubts.counts.items()):
        job.log.event("bad spectra", shard=shard, what=name, spectra=count)


def main(argv=None) -> int:
    """Run the stage."""
    inputs = ("survey*", "quasars*")
    return door("ingest_spectra", run, argv, inputs=inputs, outputs=("shards", "catalogue"), values=("rows",))


if __name__ == "__main__":
    raise SystemExit(main())
