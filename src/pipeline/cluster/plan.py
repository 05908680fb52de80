"""The estimate of a run for people and for programs: a table, its inputs with their sources, what will not fit."""

import math
from dataclasses import asdict, dataclass

from pipeline.cluster.estimate import Row, estimate
from pipeline.cluster.rates import Rate, Rates
from pipeline.cluster.size import Size
from pipeline.settings.run import RunSettings

DAY = 24.0
FOLDER_LIMIT = 100_000
HEADS = ("rule", "jobs", "nodes", "GPU h", "core h", "node-hours", "longest h", "read", "written", "files")


@dataclass(frozen=True)
class Plan:
    """What a run costs.

    Attributes
    ----------
    run : str
    size : Size
    rows : list of Row
    nodes : dict
        rule -> nodes that its jobs fill when all of them run at once.
    node_hours : dict
        rule -> hours of whole nodes.
    inputs : list of Rate
        What the estimate was made from.
    about : str
        When and on what processor the packaged rates were measured.
    notes : list of str
        What will not fit, and which setting answers it.
    """

    run: str
    size: Size
    rows: list[Row]
    nodes: dict[str, int]
    node_hours: dict[str, float]
    inputs: list[Rate]
    about: str
    notes: list[str]

    def plain(self) -> dict:
        """Return JSON-ready values."""
        rows = [
            asdict(row) | {"nodes": self.nodes[row.rule], "node_hours": self.node_hours[row.rule]} for row in self.rows
        ]
        total = {name: sum(row[name] for row in rows) for name in TOTALS}
        return {
            "run": self.run,
            "size": asdict(self.size),
            "rules": rows,
            "total": total,
            "nodes": max(self.nodes.values()),  # no sum: rules follow one another
            "about": self.about,
            "inputs": [asdict(rate) for rate in self.inputs],
            "notes": self.notes,
        }

    def table(self) -> list[list[str]]:
        """Return the table as texts: heads, a line a rule, the total."""
        plain = self.plain()
        lines = [list(HEADS)]
        total = {"rule": "total", "longest_hours": None, "nodes": plain["nodes"], **plain["total"]}
        for row in [*plain["rules"], total]:
            hours = (row["gpu_hours"], row["core_hours"], row["node_hours"], row["longest_hours"])
            amounts = [amount(row[name]) for name in ("read", "written")]
            jobs, nodes, files = (f"{row[name]:,}" for name in ("jobs", "nodes", "files"))
            lines.append([row["rule"], jobs, nodes, *map(hour, hours), *amounts, files])
        return lines

    def text(self) -> str:
        """Return what the command prints."""
        size = self.size
        head = [
            f"{self.run}: about {size.objects:,} objects ({size.source})",
            f"{size.shards:,} shards in {size.batches:,} batches",
            "",
        ]
        inputs = [[rate.name, f"{rate.value:.4g}", rate.unit, rate.source] for rate in self.inputs]
        notes = [f"- {note}" for note in self.notes] or ["- nothing"]
        return "\n".join(
            [
                *head,
                *aligned(self.table()),
                "",
                "An estimate. Waiting in the queue and what the scheduler adds to a job are not in it.",
                "",
                "What does not fit as it stands",
                *notes,
                "",
                f"From these rates; {self.about}",
                *aligned([["rate", "value", "unit", "from"], *inputs], numbers=(1,)),
            ]
        )


SUMS = ("jobs", "gpu_hours", "core_hours", "network_hours", "read", "written", "files")
LARGEST = ("threads", "longest_hours", "folder")
TOTALS = ("jobs", "gpu_hours", "core_hours", "node_hours", "read", "written", "files")


def make(settings: RunSettings, size: Size, rates: Rates, gpus: bool) -> Plan:
    """Return the plan of a run of a size."""
    rows = _joined(estimate(settings, size, rates, gpus))
    per_gpu, per_core = rates.get("node_gpus"), rates.get("node_cores")
    hours = {row.rule: row.gpu_hours / per_gpu + row.core_hours / per_core for row in rows}
    nodes = {
        row.rule: math.ceil(row.jobs / per_gpu if row.gpu_hours else row.jobs * row.threads / per_core) for row in rows
    }
    notes = _notes(settings, size, rates, rows)
    inputs = sorted(rates.used.values(), key=lambda rate: rate.name)
    return Plan(settings.run, size, rows, nodes, hours, inputs, rates.about, notes)


def _joined(rows: list[Row]) -> list[Row]:
    """Return one row a rule: the jobs of several networks together."""
    found: dict[str, Row] = {}
    for row in rows:
        other = found.get(row.rule)
        if other:
            both = {name: getattr(row, name) + getattr(other, name) for name in SUMS}
            both |= {name: max(getattr(row, name), getattr(other, name)) for name in LARGEST}
            row = Row(rule=row.rule, **both)
        found[row.rule] = row
    return list(found.values())


def _notes(settings: RunSettings, size: Size, rates: Rates, rows: list[Row]) -> list[str]:
    notes = ["the spectra half is not part of this estimate"] if settings.spectra else []
    answers = {
        "ingest": "lower ingest.shards_per_job",
        "embed": "lower ingest.shards_per_job",
        "score_finder": "lower ingest.shards_per_job",
        "pretrain": "it goes on from checkpoints; more GPUs, fewer epochs or a smaller pretraining.n",
        "similarity": "it goes on from checkpoints; `similarity: null` leaves it and the searches out",
    }
    for row in rows:
        if row.longest_hours > DAY:
            answer = answers.get(row.rule, "it is one job; its share of a node's cores and memory has to grow")
            notes.append(f"a job of {row.rule} takes {hour(row.longest_hours)} hours: {answer}")
    for row in rows:
        if row.network_hours and row.gpu_hours > 1.2 * row.network_hours:
            rest = f"of {hour(row.gpu_hours)} GPU hours of {row.rule} its network takes {hour(row.network_hours)}"
            notes.append(f"{rest}; in the others it starts and waits for images")
    written, files = sum(row.written for row in rows), sum(row.files for row in rows)
    if written > rates.get("scratch_bytes"):
        answer = "" if settings.ingest.compression == "quantized" else "; ingest.compression: quantized keeps a fifth"
        notes.append(f"{amount(written)} are more than a user's scratch holds{answer}")
    if files > rates.get("scratch_files"):
        notes.append(f"{files:,} files are more than a user's scratch holds: larger shards (survey.*_per_shard)")
    jobs = sum(row.jobs for row in rows)
    if jobs > FOLDER_LIMIT:
        notes.append(f"work/{settings.run}/locks holds {jobs:,} files, one a job: raise ingest.shards_per_job")
    full = max(rows, key=lambda row: row.folder)
    if full.folder > FOLDER_LIMIT:
        notes.append(f"a folder of {full.rule} holds {full.folder:,} files: larger shards (survey.*_per_shard)")
    vectors = max((row.read for row in rows if row.rule == "similarity"), default=0.0)
    if vectors > rates.get("node_memory"):
        notes.append(
            f"similarity maps {amount(vectors)} of embeddings, more than a node's memory: every tile reads from disk"
        )
    whole = size.objects * rates.get("catalogue_bytes")
    if whole > rates.get("node_memory") / 4:
        notes.append(f"stages that read the whole catalogue hold {amount(whole)} of it, and more, in memory")
    return notes


def hour(value: float | None) -> str:
    """Return hours with three figures; nothing where there are none."""
    if not value:
        return "" if value is None else "0"
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}" if value >= 0.01 else "<0.01"


def amount(value: float) -> str:
    """Return bytes in decimal units, three figures."""
    for unit in ("B", "kB", "MB", "GB", "TB", "PB"):
        if value < 999.5 or unit == "PB":
            return f"{value:,.0f} {unit}" if value >= 99.95 or unit == "B" else f"{value:.3g} {unit}"
        value /= 1000
    raise AssertionError


def aligned(lines: list[list[str]], numbers: tuple[int, ...] | None = None) -> list[str]:
    """Return lines of columns; those of `numbers` (all but the first) stand to the right."""
    last = len(lines[0]) - 1
    right = set(range(1, last + 1)) if numbers is None else set(numbers)
    widths = [max(len(line[column]) for line in lines) for column in range(last + 1)]
    return [
        "  ".join(
            text.rjust(width) if column in right else text.ljust(width if column < last else 0)
            for column, (text, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]
