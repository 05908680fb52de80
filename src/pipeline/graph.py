"""What the Snakefile needs while it is parsed: settings, shards, fingerprints of code. Light imports only."""

import ast
import csv
import hashlib
import io
import json
import logging
import os
import re
import uuid
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path

from pipeline.errors import PipelineError
from pipeline.log import last_call

PACKAGE = Path(__file__).parent
# Not part of any fingerprint: settings enter by value; the others may not change a byte of a product.
OUTSIDE = ("settings", "stages._door", "errors", "log", "graph", "learn.launch", "cli")
RUN_CODE = "SKYSIEVE_RUN_CODE"
# Set within a job that the scheduler runs for one rule: an allocation that a user holds, in which many rules run, is
# not a stage's to give back.
OWN_JOB = "SKYSIEVE_OWN_JOB"
ACCOUNT = "SLURM_ACCOUNT"
# Settings that change no byte of a product; the digest in the headers of products leaves them out.
EXECUTION = ("shards_per_job", "workers", "checkpoint_seconds", "device")


# --- fingerprints of code -------------------------------------------------------------------------------------------


_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def _without_docstring(body: list) -> list:
    first = body[0] if body else None
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
        return body[1:]
    return body


def _read(tree: ast.Module) -> tuple[str, set[str], set[str]]:
    """Return the meaning of a syntax tree, the names that it may import from this package, and its text constants.

    The meaning holds no positions, docstrings or empty fields (equal across Python versions). One pass, because every
    call of Snakemake reads the whole package.
    """
    meaning: list[str] = []
    names, texts = set(), set()
    write = meaning.append

    def visit(node):
        if isinstance(node, ast.AST):
            kind = type(node)
            write(kind.__name__ + "(")
            for name in node._fields:
                value = getattr(node, name, None)
                if name == "body" and kind in _DOCUMENTED:
                    value = _without_docstring(value)
                if value is None or value == [] or name in ("kind", "type_comment", "ctx"):
                    continue
                write(name + "=")
                visit(value)
            write(")")
            if kind is ast.Import:
                names.update(alias.name for alias in node.names)
            elif kind is ast.ImportFrom and node.module and not node.level:
                names.update((node.module, *(f"{node.module}.{alias.name}" for alias in node.names)))
            elif kind is ast.Constant and isinstance(node.value, str):
                texts.add(node.value)
        elif isinstance(node, list):
            write("[")
            for item in node:
                visit(item)
                write(",")
            write("]")
        else:
            write(repr(node))

    visit(tree)
    return "".join(meaning), {name for name in names if name.startswith("pipeline.")}, texts


def _is_module(name: str) -> bool:
    path = PACKAGE.joinpath(*name.split("."))
    return path.with_suffix(".py").is_file()


@cache
def _read_source(content: bytes) -> tuple[str, frozenset[str], frozenset[str]]:
    """Read a module's text. Stages ask after each shard whether their code changed: what did not is parsed once."""
    meaning, names, texts = _read(ast.parse(content))
    return meaning, frozenset(names), frozenset(texts)


@cache
def _module(name: str) -> tuple[str, tuple[str, ...]]:
    """Return the hash of a module (packaged files that it names in a text constant are part of it) and its imports."""
    path = PACKAGE.joinpath(*name.split(".")).with_suffix(".py")
    try:
        meaning, names, texts = _read_source(path.read_bytes())
    except FileNotFoundError:
        raise PipelineError("no such module", where=path, value=name) from None
    digest = hashlib.sha256(meaning.encode())
    for beside in sorted(path.parent.iterdir()):
        if beside.suffix != ".py" and beside.name in texts and beside.is_file():
            digest.update(beside.read_bytes())
    imports = sorted(name for name in (found.removeprefix("pipeline.") for found in names) if _is_module(name))
    return digest.hexdigest()[:16], tuple(imports)


def _outside(name: str) -> bool:
    return any(name == other or name.startswith(other + ".") for other in OUTSIDE)


def fingerprint(stage: str, *modules: str) -> list[str]:
    """Return `["search.exact=51d9…", …]`: every module on which the result of a stage depends, with its hash.

    Parameters
    ----------
    stage : str
        Name of a module in `stages`.
    modules : str
        Modules that the stage imports by name, such as "models.shielded".
    """
    found: dict[str, str] = {}
    waiting = [f"stages.{stage}", *modules]
    while waiting:
        name = waiting.pop()
        if name in found or _outside(name):
            continue
        found[name], imported = _module(name)
        waiting.extend(imported)
    return [f"{name}={digest}" for name, digest in sorted(found.items())]


def fingerprint_now(earlier: list[str]) -> list[str]:
    """Return the fingerprint of the same modules as they are on disk now."""
    _module.cache_clear()
    return [f"{name}={_module(name)[0]}" for name in (item.split("=")[0] for item in earlier)]


def freeze_code(work: Path) -> None:
    """Write the hash of every module to `work/<run>/code-<uuid>.json`, once a run, and export its name.

    Jobs of the same run inherit the name; a stage that finds other code on disk stops.
    """
    if os.environ.get(RUN_CODE):
        return
    names = [".".join(path.relative_to(PACKAGE).with_suffix("").parts) for path in sorted(PACKAGE.rglob("*.py"))]
    hashes = {name: _module(name)[0] for name in names if not name.endswith("__init__") and not _outside(name)}
    work.mkdir(parents=True, exist_ok=True)
    for old in sorted(work.glob("code-*.json"), key=lambda path: path.stat().st_mtime)[:-20]:
        old.unlink(missing_ok=True)
    path = (work / f"code-{uuid.uuid4().hex}.json").absolute()
    path.write_text(json.dumps(hashes, indent=0, sort_keys=True))
    os.environ[RUN_CODE] = str(path)


def errors_of_this_run(work: Path) -> list[str]:
    """Return what failed since this run froze its code: of each log the name and its last error, the latest last."""
    since = Path(os.environ[RUN_CODE]).stat().st_mtime
    found = []
    for path in sorted((work / "logs").rglob("*.log"), key=lambda path: path.stat().st_mtime):
        if path.stat().st_mtime < since:
            continue
        call = last_call(path)
        if call and call.state == "failed":
            found.append(f"{path}:\n{call.error}")
    return found


def check_code(current: list[str]) -> None:
    """Compare a fingerprint with the code that the run started with.

    Raises
    ------
    PipelineError
        A module changed while the run is going.
    """
    frozen = os.environ.get(RUN_CODE)
    if not frozen or not Path(frozen).is_file():
        return
    at_start = json.loads(Path(frozen).read_text())
    changed = [name for name, digest in (item.split("=") for item in current) if at_start.get(name) != digest]
    if changed:
        raise PipelineError(
            "the code changed while the run is going; its result would mix two versions",
            where=", ".join(f"pipeline.{name}" for name in changed),
            next="start snakemake again: it will run what the edit made stale",
        )


# --- settings -------------------------------------------------------------------------------------------------------


def _expand(value, where: str = "", *, unset_is_error: bool = True):
    """Replace $NAME and ${NAME} in texts by environment variables."""
    if isinstance(value, dict):
        below = f"{where}." if where else ""
        return {key: _expand(item, f"{below}{key}", unset_is_error=unset_is_error) for key, item in value.items()}
    if isinstance(value, list):
        return [_expand(item, f"{where}.{index}", unset_is_error=unset_is_error) for index, item in enumerate(value)]
    if isinstance(value, str) and "$" in value:
        expanded = os.path.expandvars(value)
        left = re.search(r"\$\{?(\w+)", expanded)
        if left and unset_is_error:
            raise PipelineError(
                "an environment variable of the settings is not set",
                where=where,
                value=value,
                next=f"export {left.group(1)}=…",
            )
        return expanded
    return value


def load(config: dict, *, unset_is_error: bool = True):
    """Validate the merged configuration and expand environment variables.

    Parameters
    ----------
    config : dict
    unset_is_error : bool
        Without, texts keep variables that are not set: for what opens none of the paths.

    Returns
    -------
    pipeline.settings.run.RunSettings

    Raises
    ------
    PipelineError
        Unknown key, missing key, wrong type, unset environment variable.
    """
    from pipeline.settings.run import RunSettings

    if not config:
        raise PipelineError(
            "no settings", next="snakemake --configfile config/demo.yaml (profiles/default names the default)"
        )
    return RunSettings.parse(_expand(config, unset_is_error=unset_is_error))


def payload(**sections) -> str:
    """Return the settings of one stage as JSON with sorted keys."""
    plain = {key: value.plain() if hasattr(value, "plain") else value for key, value in sections.items()}
    return json.dumps(plain, sort_keys=True, separators=(",", ":"))


def without_execution(value):
    """Return settings without those that say how a run is executed and change no product."""
    if isinstance(value, dict):
        return {key: without_execution(item) for key, item in value.items() if key not in EXECUTION}
    return [without_execution(item) for item in value] if isinstance(value, list) else value


# --- shards ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    """One shard of a run: where its rows come from, and the batch in which it is made."""

    shard: str
    kind: str
    batch: str
    tranche: int
    sources: str
    region: str


# The halves of a run have batches of their own: shards that one of them gains rename no batch of the other.
_BATCH_LETTERS = {"images": "b", "spectra": "s"}


def into_batches(shards: list[tuple[str, str, int, str, str]], shards_per_job: int) -> list[Row]:
    """Deal (shard, kind, tranche, sources, region) to batches; a batch never mixes kinds or tranches."""
    rows = []
    count: dict[tuple[str, int], int] = {}
    for shard, kind, tranche, sources, region in shards:
        place = count.get((kind, tranche), 0)
        count[kind, tranche] = place + 1
        letter = _BATCH_LETTERS[kind]
        rows.append(Row(shard, kind, f"t{tranche}-{letter}{place // shards_per_job:04d}", tranche, sources, region))
    return rows


def simulated_shards(survey, shards_per_job: int) -> list[Row]:
    """Derive the shards of a simulated survey from its settings: one shard a sweep area of 10 by 5 degrees.

    North areas lie at RA 130..240, declination 35..65, overlap areas at declination 30..35 (one shard in each region),
    south areas at declination -40..25, so that the regions are those of the Legacy Surveys.
    """
    south_ra = (*range(0, 60, 10), *range(130, 240, 10))
    places = {
        "north": [(ra, dec) for dec in (35, 40, 45, 50, 55, 60) for ra in range(130, 240, 10)],
        "overlap": [(ra, 30) for ra in range(130, 240, 10)],
        "south": [(ra, dec) for dec in (-5, 0, 5, -10, -20, 10, -30, 15, -40, 20) for ra in south_ra],
    }
    wanted = {"south": survey.tiles_south, "north": survey.tiles_north, "overlap": survey.tiles_overlap}
    shards = []
    for kind, number in wanted.items():
        if number * survey.tranches > len(places[kind]):
            raise PipelineError(
                f"too many {kind} areas in the simulated survey",
                where=f"survey.tiles_{kind}",
                value=number,
                allowed=f"at most {len(places[kind]) // survey.tranches} for {survey.tranches} tranche(s)",
            )
    for tranche in range(1, survey.tranches + 1):
        for kind, number in wanted.items():
            for ra, dec in places[kind][(tranche - 1) * number : tranche * number]:
                for region in ("south", "north") if kind == "overlap" else (kind,):
                    name = f"t{tranche}-{region}-{ra:03d}{'m' if dec < 0 else 'p'}{abs(dec):03d}"
                    shards.append((name, "images", tranche, f"{ra},{dec}", region))
    return into_batches(shards, shards_per_job)


# Pixels of the simulated spectra: HEALPix of DESI's size, nested; 8 of its 12 faces reach down to declination -42.
SPECTRA_NSIDE = 64
_SPECTRA_PIXELS = 8 * SPECTRA_NSIDE**2
_SPECTRA_STEP = 20077  # prime, so that no pixel comes twice, and far from one place to the next
SPECTRA_PLACES = 1000  # of a tranche
_FIRST_PLATE = {"sdss": 300, "boss": 3600}  # plates of SDSS-I/II have lower numbers than those of BOSS


def spectra_pixel(place: int) -> int:
    """Return the pixel of a place."""
    return place * _SPECTRA_STEP % _SPECTRA_PIXELS


def simulated_spectra(survey, shards_per_job: int) -> list[Row]:
    """Derive the shards of the simulated spectra from their settings: plates of SDSS-I/II and BOSS, pixels of DESI.

    Each has a place on the sky. The first plates and pixels have theirs in common, so that they can share objects.
    """
    shards = []

    def add(tranche: int, region: str, what: str, number: int, place: int) -> None:
        sources = f"{what}={number};place={place}"
        shards.append((f"t{tranche}-{region}-{number:05d}", "spectra", tranche, sources, region))

    for tranche in range(1, survey.tranches + 1):
        start = (tranche - 1) * SPECTRA_PLACES
        plates = []
        for region, wanted in (("sdss", survey.sdss_plates), ("boss", survey.boss_plates)):
            first = _FIRST_PLATE[region] + (tranche - 1) * wanted
            plates += [(region, first + number) for number in range(wanted)]
        for place, (region, plate) in enumerate(plates, start):
            add(tranche, region, "plate", plate, place)
        for place in range(start, start + survey.desi_pixels):
            add(tranche, "desi", "healpix", spectra_pixel(place), place)
    return into_batches(shards, shards_per_job)


def shards_text(rows: list[Row]) -> str:
    """Return the content of shards.tsv."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter="\t", lineterminator="\n")
    writer.writerow(field.name for field in fields(Row))
    writer.writerows(vars(row).values() for row in rows)
    return text.getvalue()


def read_shards(path: Path, config_name: str) -> list[Row]:
    """Read shards.tsv.

    Raises
    ------
    PipelineError
        The list is missing (the command that makes it is named) or malformed.
    """
    if not path.is_file():
        raise PipelineError(
            "the list of shards of this survey is missing", where=path, next=f"skysieve index {config_name}"
        )
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file, delimiter="\t")
        expected = [field.name for field in fields(Row)]
        if reader.fieldnames != expected:
            raise PipelineError("not a list of shards", where=path, value=reader.fieldnames, allowed=expected)
        rows = [Row(**{**line, "tranche": int(line["tranche"])}) for line in reader]
    of_batch = {row.batch: (row.kind, row.tranche) for row in rows}
    mixed = {row.batch for row in rows if of_batch[row.batch] != (row.kind, row.tranche)}
    if mixed:
        raise PipelineError("a batch mixes kinds or tranches", where=path, value=sorted(mixed))
    return rows


def _listed(path: Path, configfiles) -> list[Row]:
    name = str(next(iter(configfiles or []), "CONFIG"))
    return read_shards(path, os.path.relpath(name) if os.path.isabs(name) else name)


def image_shards(settings, results: Path, configfiles) -> list[Row]:
    """Return the shards of the image half: derived from the settings when simulated, else read from shards.tsv."""
    if settings.survey is None:
        return []
    if settings.survey.kind == "simulated":
        return simulated_shards(settings.survey, settings.ingest.shards_per_job)
    return _listed(results / "shards.tsv", configfiles)


def spectrum_shards(settings, results: Path, configfiles) -> list[Row]:
    """Return the shards of the spectra half: derived from the settings when simulated, else from spectra/shards.tsv."""
    spectra = settings.spectra
    if spectra is None:
        return []
    if spectra.survey.kind == "simulated":
        return simulated_spectra(spectra.survey, spectra.ingest.shards_per_job)
    return _listed(results / "spectra" / "shards.tsv", configfiles)


def grouped(rows: list[Row], key: str) -> dict:
    """Return the rows of each value of a column; values and rows in the order of the list."""
    groups: dict = {}
    for row in rows:
        groups.setdefault(getattr(row, key), []).append(row)
    return groups


def rows_json(rows: list[Row]) -> str:
    """Return rows as JSON for a stage's `--rows`."""
    return json.dumps([vars(row) for row in rows], sort_keys=True, separators=(",", ":"))


# --- jobs of a scheduler --------------------------------------------------------------------------------------------


def name_account(defaults) -> None:
    """Put the account of the environment into the default resources, where the profile leaves it to the environment.

    Now, because Snakemake would leave an unset variable as it stands, and because within a job (scrontab, sbatch) the
    executor later drops all variables whose names begin with SLURM_.

    Parameters
    ----------
    defaults : snakemake.resources.DefaultResources or None

    Raises
    ------
    PipelineError
        The variable is not set.
    """
    account = defaults.get("slurm_account") if defaults else None
    if getattr(account, "raw", None) != f"${ACCOUNT}" or RUN_CODE in os.environ:
        return
    if not os.environ.get(ACCOUNT):
        raise PipelineError(
            "the account that jobs are charged to is not named",
            where="slurm_account in the profile",
            next=f"export {ACCOUNT}=...   (on a cluster without accounts, take that line out of the profile)",
        )
    defaults["slurm_account"] = os.environ[ACCOUNT]


def mark_own_job() -> None:
    """Tell the stages of this job that it runs for their rule alone: they may put it back into the queue."""
    os.environ[OWN_JOB] = "1"


# --- what a dry run says --------------------------------------------------------------------------------------------


class RequestedHours(logging.Filter):
    """Put the hours that jobs ask for, by kind, under the closing table of a dry run.

    Snakemake calls no hook in a dry run, but it logs every job with its resources, and its table after them; in a real
    run the table comes before the first job, and stays as it is. Nothing is added where jobs have no time limit. The
    jobs of a group count one by one, although the scheduler sees the group.
    """

    def __init__(self):
        super().__init__()
        self.asked: dict[str, list[tuple[float, float]]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Note a job; extend the table."""
        event = getattr(record, "event", None)
        # A rule without a command is done where Snakemake runs.
        if event == "job_info" and record.shellcmd and isinstance(record.resources.get("runtime"), int):
            hours = record.resources.get("runtime") / 60
            self.asked.setdefault(record.rule_name, []).append((hours, hours * record.resources.get("gpu", 0)))
        elif event == "run_info" and self.asked:
            record.msg = f"{record.msg}\n{self.table()}"
        return True

    def table(self) -> str:
        """Return jobs, hours and GPU hours of each kind, if every job took all the time that it asks for."""
        width = max(map(len, [*self.asked, "requested"]))
        lines = [f"{'requested':<{width}}  {'jobs':>7}  {'hours':>9}  {'GPU hours':>9}"]
        lines.append("  ".join("-" * size for size in (width, 7, 9, 9)))
        everything = [hours for asked in self.asked.values() for hours in asked]
        for name, asked in [*self.asked.items(), ("total", everything)]:
            hours, on_gpus = map(sum, zip(*asked, strict=True))
            lines.append(f"{name:<{width}}  {len(asked):>7}  {hours:>9.1f}  {on_gpus:>9.1f}")
        return "\n".join(lines) + "\n"
