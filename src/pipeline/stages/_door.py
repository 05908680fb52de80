"""The one door of all stages: arguments, log, exit code, code check, lock, records of finished shards, manifests."""

import argparse
import errno
import hashlib
import importlib.metadata
import json
import platform
import shutil
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path

from pipeline import graph
from pipeline.data.atomic import atomic, remove_stale_temporaries, write_text
from pipeline.data.manifests import Entry, Manifest, read_manifest, sha256, write_manifest
from pipeline.errors import PipelineError, Stopped
from pipeline.learn import launch
from pipeline.log import STOPPED, Log
from pipeline.stages._allocation import EXIT_AGAIN, Allocation
from pipeline.stages._lock import lock

# A restarted Snakemake may meet a job of its killed forerunner that is about to end.
LOCK_WAIT_SECONDS = 120.0
EXIT_BUG, EXIT_USER, EXIT_INTERRUPTED = 1, 2, 130
LIBRARIES = ("numpy", "scipy", "pandas", "pyarrow", "h5py", "astropy", "torch", "lenstronomy", "scikit-learn")


class Job:
    """One call of a stage.

    Attributes
    ----------
    paths, out : dict
        Input and output paths by name; an input of several files is a list.
    values : dict[str, str]
        Plain arguments.
    settings : dict
        The stage's sections, as parsed from JSON.
    work : Path
        Folder for checkpoints and the like, which may be deleted at the cost of time only.
    fingerprint : list[str]
        Modules on which the result depends, with their hashes.
    log : Log
    world : World
        The ranks that do this job together; rank 0 writes what is not shared.
    allocation : Allocation
        How long the job still has.
    device : torch.device
        Of a stage with `--device`.
    """

    def __init__(self, stage: str, arguments: argparse.Namespace, inputs, outputs, values):
        self.stage = stage
        given = vars(arguments)
        self.paths = {_name(key): given[_name(key)] for key in inputs}
        self.out = {key: given[key] for key in outputs}
        self.values = {key: given[key] for key in values}
        self.settings: dict = json.loads(arguments.settings)
        self.work: Path = arguments.work
        self.fingerprint = graph.fingerprint(stage, *arguments.also)
        self.device = None
        self.world = launch.find()
        self.allocation = Allocation(arguments.time_limit)
        log = arguments.log
        if log is not None and self.world.rank:
            log = log.with_suffix(f".rank{self.world.rank}{log.suffix}")
        self.log = Log(stage, log)
        self.rows_in = self.rows_out = 0

    @property
    def key(self) -> str:
        """A short name of this job's outputs, for files in the work folder."""
        text = "\n".join(str(path) for path in self.out.values())
        return f"{self.stage}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"

    def known_digests(self) -> dict[Path, str]:
        """Return the sha256 of each file that an input manifest names."""
        known = {}
        for value in self.paths.values():
            for path in value if isinstance(value, list) else [value]:
                if path is not None and path.suffix == ".json":
                    try:
                        entries = read_manifest(path).shards
                    except PipelineError:
                        continue  # an input in JSON that is no manifest
                    for entry in entries:
                        known.update({path.parent / name: digest for name, digest in entry.files.items()})
        return known

    def dataset(
        self,
        *,
        outputs: dict[str, tuple[Path, str]],
        entries: list[tuple[str, list[Path]]],
        make: Callable[[str, dict[str, Path]], int],
    ) -> None:
        """Make the shards of a batch that are not finished yet, then the manifest of each dataset.

        Several ranks share the shards. A job whose time is nearly up stops between two of them.

        Parameters
        ----------
        outputs : dict
            name -> (path of the manifest, suffix of the shard files); the files lie beside the manifest.
        entries : list
            (shard, files on which it depends).
        make : callable
            make(shard, {name: temporary path}) -> rows. It writes the files.
        """
        known = self.known_digests()
        digests: dict[Path, str] = {}
        done: list[dict[str, Entry]] = []
        own = self.world.share(entries)
        for shard, sources in self.log.progress(own, unit="shards"):
            if self.allocation.ending():
                break
            for source in sources:
                if source not in digests:
                    digests[source] = known.get(source) or sha256(source)
            state = {
                "inputs": [digests[source] for source in sources],
                "settings": graph.payload(**self.settings),
                "fingerprint": self.fingerprint,
                "values": {key: value for key, value in self.values.items() if key != "rows"},
            }
            record = self._record(outputs, shard, state)
            if record is None:
                record = self._make(outputs, shard, state, make)
            else:
                self.log.event("finished before", shard=shard, rows=record["rows"])
            done.append({name: Entry(shard, record["rows"], record["files"][name]) for name in outputs})
            self.rows_out += record["rows"]
        if self.world.any(len(done) < len(own)):  # all stop with one that has to: it has nothing whole to give
            raise Stopped(f"{len(done)} of {len(own)} shards")
        done = self.world.gather(done)
        if self.world.rank:
            return
        graph.check_code(graph.fingerprint_now(self.fingerprint))
        for name, (path, _) in outputs.items():
            write_manifest(Manifest(path.parent.name, path.stem, [entry[name] for entry in done]), path)

    def _record_path(self, outputs: dict, shard: str) -> Path:
        first = next(iter(outputs.values()))[0]
        parts = first.parent.parts
        # The dataset's folder below results/<run>, so that two encoders or rounds never share a record.
        below = parts[parts.index("results") + 2 :] if "results" in parts else parts[-2:]
        return self.work.joinpath("done", *below, f"{shard}.json")

    def _record(self, outputs: dict, shard: str, state: dict) -> dict | None:
        """Return the record of a finished shard when it agrees with inputs, settings, code and the files themselves."""
        record = read_record(self._record_path(outputs, shard), state)
        if record is None:
            return None
        for name, (manifest, _) in outputs.items():
            for file, digest in record["files"].get(name, {"": ""}).items():
                target = manifest.parent / file
                if not target.is_file() or sha256(target) != digest:
                    return None
        return record

    def _make(self, outputs: dict, shard: str, state: dict, make) -> dict:
        targets = {name: manifest.parent / f"{shard}{suffix}" for name, (manifest, suffix) in outputs.items()}
        begin = time.monotonic()
        for target in targets.values():
            for removed in remove_stale_temporaries(target):
                self.log.event("removed a temporary file of a killed job", file=removed.name)
        with _all_atomic(targets) as temporaries:
            rows = make(shard, temporaries)
            graph.check_code(graph.fingerprint_now(self.fingerprint))
        record = {
            "state": state,
            "rows": rows,
            "files": {name: {target.name: sha256(target)} for name, target in targets.items()},
        }
        write_text(self._record_path(outputs, shard), json.dumps(record, sort_keys=True))
        seconds = time.monotonic() - begin
        rate = f"{rows / max(seconds, 1e-9):.4g}/s"
        self.log.event("made", shard=shard, rows=rows, seconds=f"{seconds:.2f}", rate=rate)
        return record


def read_record(path: Path, state: dict) -> dict | None:
    """Return the record of a shard that was made in this very state (inputs, settings, code); None without one."""
    try:
        record = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    return record if record.get("state") == state else None


class _all_atomic:
    """Several files that appear together as far as a file system allows: each by its own rename, at the end."""

    def __init__(self, targets: dict[str, Path]):
        self._managers = {name: atomic(target) for name, target in targets.items()}

    def __enter__(self) -> dict[str, Path]:
        return {name: manager.__enter__() for name, manager in self._managers.items()}

    def __exit__(self, *exception) -> None:
        for manager in self._managers.values():
            try:
                manager.__exit__(*exception)
            except BaseException as raised:
                if raised is not exception[1]:
                    raise


def _name(argument: str) -> str:
    return argument.rstrip("+*?")


def _parser(stage: str, inputs, outputs, values, network: bool) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"python -m pipeline.stages.{stage}", allow_abbrev=False)
    for argument in inputs:
        option = "--" + _name(argument).replace("_", "-")
        if argument.endswith("+"):
            parser.add_argument(option, dest=_name(argument), type=Path, nargs="+", required=True)
        elif argument.endswith("*"):
            parser.add_argument(option, dest=_name(argument), type=Path, nargs="*", default=[])
        elif argument.endswith("?"):
            parser.add_argument(option, dest=_name(argument), type=Path, default=None)
        else:
            parser.add_argument(option, dest=argument, type=Path, required=True)
    for argument in outputs:
        parser.add_argument("--" + argument.replace("_", "-"), dest=argument, type=Path, required=True)
    for argument in values:
        parser.add_argument("--" + argument.replace("_", "-"), dest=argument, required=True)
    parser.add_argument("--settings", default="{}", help="JSON of the stage's own sections")
    parser.add_argument("--work", type=Path, required=True, help="folder for checkpoints and locks")
    parser.add_argument("--log", type=Path, default=None, help="file for the log (default: standard error)")
    if network:
        choices = ("auto", "cuda", "cpu")
        parser.add_argument("--device", choices=choices, default="auto", help="where the network runs")
    parser.add_argument("--time-limit", type=float, default=None, help="minutes that the scheduler gives this job")
    parser.add_argument("--also", nargs="*", default=[], help="modules imported by name, such as models.shielded")
    return parser


def _interrupt(signum, frame):
    raise KeyboardInterrupt(signal.Signals(signum).name)


def _provenance(job: Job, seconds: float) -> None:
    versions = {}
    for library in LIBRARIES:
        if library.replace("-", "_").replace("scikit_learn", "sklearn") in sys.modules:
            versions[library] = importlib.metadata.version(library)
    content = {
        "stage": job.stage,
        "version": importlib.metadata.version("skysieve"),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "host": socket.gethostname(),
        "device": str(job.device or "cpu"),
        "ranks": job.world.size,
        "machine": platform.machine(),
        "python": platform.python_version(),
        "libraries": versions,
        "seconds": round(seconds, 3),
        "rows": job.rows_out,
        "outputs": {name: str(path) for name, path in job.out.items()},
        "fingerprint": job.fingerprint,
        "settings": job.settings,
    }
    write_text(job.work / "provenance" / f"{job.key}.json", json.dumps(content, indent=1, sort_keys=True))


def door(
    stage: str,
    run: Callable[[Job], None],
    argv: list[str] | None,
    *,
    inputs: tuple[str, ...] = (),
    outputs: tuple[str, ...] = (),
    values: tuple[str, ...] = (),
    network: bool = False,
    resumes: bool = False,
) -> int:
    """Run a stage and return its exit status.

    0, 2 for what the user can mend, 1 for a bug, 130 when interrupted, 75 when the job waits in the queue again.

    Parameters
    ----------
    stage : str
        Name of the rule and of the module.
    run : callable
        run(job) does the work.
    argv : list or None
        Arguments without the program's name; None takes those of the process.
    inputs, outputs, values : tuple of str
        Names of the arguments; an input may end in "+" (one or more files), "*" (any number) or "?" (optional).
    network : bool
        The stage runs a network: it computes on `job.device`.
    resumes : bool
        When it is asked to end it does so between two steps, with a checkpoint (`job.allocation.ending`).
    """
    arguments = _parser(stage, inputs, outputs, values, network).parse_args(argv)
    begin = time.monotonic()
    log = None
    try:
        signal.signal(signal.SIGTERM, _interrupt)
        try:
            job = Job(stage, arguments, inputs, outputs, values)
        except json.JSONDecodeError as error:
            raise PipelineError("--settings is not JSON", value=error) from None
        log = job.log
        signal.signal(signal.SIGUSR1, job.allocation.ask)
        if resumes:
            signal.signal(signal.SIGTERM, job.allocation.ask)
        _begin(job, arguments, network)
        graph.check_code(job.fingerprint)
        _check_inputs(job)
        first = job.world.rank == 0
        with lock(job.work / "locks" / f"{job.key}.lock", log, LOCK_WAIT_SECONDS) if first else nullcontext():
            for target in job.out.values() if first else ():
                remove_stale_temporaries(target)
            job.world.wait()
            run(job)
            # Snakemake removes the outputs of a job that fails here.
            graph.check_code(graph.fingerprint_now(job.fingerprint))
        status = 0
    except Stopped as stopped:
        status = _again(job, stopped)
    except PipelineError as error:
        status = _report(log, stage, str(error), EXIT_USER)
    except KeyboardInterrupt as error:
        status = _report(log, stage, f"interrupted {error}".strip(), EXIT_INTERRUPTED)
    except Exception as error:
        text = _of_the_disk(error, arguments, outputs)
        status = _report(log, stage, text or traceback.format_exc(), EXIT_USER if text else EXIT_BUG)
    if log is not None:
        seconds = time.monotonic() - begin
        rate = f"{job.rows_out / max(seconds, 1e-9):.4g}/s"
        log.event("end", status=status, rows_in=job.rows_in, rows_out=job.rows_out, seconds=f"{seconds:.2f}", rate=rate)
        if status == 0 and job.world.rank == 0:
            _provenance(job, seconds)
        log.close()
        if status not in (0, EXIT_AGAIN):
            job.world.abort(status)
    return status


def _begin(job: Job, arguments: argparse.Namespace, network: bool) -> None:
    """Write the first line of the log: version, host, rank, device, settings; refuse a device that is not there."""
    problem = None
    where = {"host": socket.gethostname(), "rank": f"{job.world.rank} of {job.world.size}"}
    if network:
        from pipeline.learn.device import choose  # torch, which stages without a network do not import

        try:
            job.device = choose(arguments.device, job.world.local_rank)
        except PipelineError as error:
            problem = error
        where["device"] = job.device or arguments.device
    job.log.event("begin", version=importlib.metadata.version("skysieve"), **where, settings=arguments.settings)
    if problem:
        raise problem
    if network and arguments.device == "auto" and job.device.type == "cpu":
        job.log.event("no GPU was found: the network runs on the CPU")


def _again(job: Job, stopped: Stopped) -> int:
    """End a stage that was asked to: back into the queue where its time was up, else as after an interruption."""
    job.log.event(STOPPED, at=stopped, because=job.allocation.asked)
    if not job.allocation.job or job.allocation.asked == "SIGTERM":
        return EXIT_INTERRUPTED
    if job.world.rank:
        return job.allocation.await_end()  # rank 0 asks; a launcher would end it with the first rank that ends
    try:
        return job.allocation.requeue(job.log)
    except PipelineError as error:
        return _report(job.log, job.stage, str(error), EXIT_USER)


def _of_the_disk(error: Exception, arguments: argparse.Namespace, outputs: tuple[str, ...]) -> str | None:
    """Return the message for an error of the disk (full, or not ours to write to); None for any other error.

    h5py and torch have no error numbers for a full disk: they say it in words.
    """
    number = error.errno if isinstance(error, OSError) else None
    words = str(error)
    full = number in (errno.ENOSPC, errno.EDQUOT) or "No space left on device" in words or "quota" in words.lower()
    if not full and number not in (errno.EACCES, errno.EPERM, errno.EROFS):
        return None
    folders = sorted({str(getattr(arguments, name).parent) for name in outputs} | {str(arguments.work)})
    where = getattr(error, "filename", None) or ", ".join(folders)
    if not full:
        return str(PipelineError(error.strerror, where=where, next="mend the permissions, then run snakemake again"))
    there = [folder for folder in folders if Path(folder).exists()]
    free = ", ".join(f"{shutil.disk_usage(folder).free / 1e6:.0f} MB free" for folder in there)
    return str(
        PipelineError(
            "the disk is full, or the quota is used up",
            where=where,
            value=free or None,
            next="free space, then run snakemake again: what is finished stays finished",
        )
    )


def _check_inputs(job: Job) -> None:
    for name, value in job.paths.items():
        for path in value if isinstance(value, list) else [value]:
            if path is not None and not path.exists():
                raise PipelineError("an input is missing", where=path, value=f"--{name}", next="run snakemake again")


def _report(log: Log | None, stage: str, text: str, status: int) -> int:
    if log is None:
        sys.stderr.write(f"{stage}: {text}\n")
    else:
        log.error(text)
    return status
