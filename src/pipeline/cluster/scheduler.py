"""What SLURM says of the jobs of a folder, in plain words."""

import re
import shutil
import subprocess
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

SECONDS = 20  # a scheduler that is down answers late or never
# Reasons for which a job waits (squeue's manual, section JOB REASON CODES), by their beginnings.
REASONS = {
    "None": "about to start",
    "Priority": "others come first",
    "Resources": "it is next, as soon as enough of a node is free",
    "Dependency": "it waits for another job",
    "BeginTime": "it was put back into the queue and may start in a moment",
    "QOSMaxJobs": "you have as many jobs running as this QOS allows",
    "QOSMaxSubmit": "you have as many jobs in the queue as this QOS allows",
    "QOSGrp": "all users of this QOS together use what it allows",
    "QOSMaxCpu": "your jobs use as many cores as this QOS allows",
    "QOSMaxGRES": "your jobs use as many GPUs as this QOS allows",
    "QOSMaxWall": "it asks for more time than this QOS allows: it will never start",
    "AssocGrp": "the account has used what it was granted",
    "AssocMax": "your share of the account is in use",
    "InvalidAccount": "the account is not valid: it will never start",
    "InvalidQOS": "the QOS is not valid: it will never start",
    "PartitionTimeLimit": "it asks for more time than the partition allows: it will never start",
    "PartitionDown": "the partition is down",
    "PartitionInactive": "the partition is switched off",
    "ReqNodeNotAvail": "nodes are down or reserved, perhaps for maintenance",
    "Reservation": "its reservation has not begun",
    "JobHeldUser": "you held it: scontrol release",
    "JobHeldAdmin": "an administrator held it",
    "JobArrayTaskLimit": "its array runs as many tasks at a time as it may",
    "Licenses": "a file system or licence that it asks for is not available",
    "NodeDown": "its node is down",
    "Cleaning": "its last try is being cleared away",
    "launch failed": "it could not be started on its node and is held: scontrol release",
}
# States in which a job has ended without success (sacct's manual, section JOB STATE CODES).
FAILURES = {
    "BOOT_FAIL": "its node did not start",
    "CANCELLED": "it was cancelled",
    "DEADLINE": "it could not end before its deadline",
    "FAILED": "it failed",
    "NODE_FAIL": "its node failed",
    "OUT_OF_MEMORY": "it used more memory than it had asked for",
    "PREEMPTED": "it gave way to another job",
    "REVOKED": "it was taken away",
    "TIMEOUT": "it reached its time limit",
}


@dataclass(frozen=True)
class QueuedJob:
    """A job in the queue: id, state of SLURM, why it waits (empty when it runs), time used and allowed, node, rule."""

    number: str
    state: str
    why: str
    used: str
    limit: str
    node: str
    name: str


@dataclass(frozen=True)
class EndedJob:
    """A job that ended without success: id, what became of it, when, rule (empty where accounting keeps none)."""

    number: str
    what: str
    when: str
    name: str


def readable(comment: str) -> str:
    """Return rule and wildcards from the comment that Snakemake's executor gives a job."""
    rule, _, wildcards = comment.removeprefix("rule_").partition("_wildcards_")
    return f"{rule} {wildcards}".strip()


def reason(word: str) -> str:
    """Return why a job waits, in plain words; SLURM's own where none are known."""
    word = word.strip("()")
    matching = [start for start in REASONS if word.startswith(start)]
    return f"{REASONS[max(matching, key=len)]} ({word})" if matching else word


def queue(folder: Path) -> tuple[list[QueuedJob], str]:
    """Return this user's jobs of a folder, and a remark where the scheduler does not answer; nothing without SLURM."""
    text, remark = _answer("squeue", "--me", "-h", "-o", "%i|%T|%r|%M|%l|%N|%Z|%k")
    jobs = []
    for line in text.splitlines():
        number, state, why, used, limit, node, where, comment = line.split("|", 7)
        if Path(where) == folder:
            why = reason(why) if state == "PENDING" else ""
            jobs.append(QueuedJob(number, state, why, used, limit, node, readable(comment)))
    return jobs, remark


def ended_badly(folder: Path, since: datetime) -> list[EndedJob]:
    """Return this user's jobs of a folder that ended without success since a time; nothing where nobody counts."""
    columns = "JobID,State,ExitCode,End,WorkDir,ReqMem,Timelimit,Comment"
    text, _ = _answer("sacct", "-X", "-P", "-n", "-S", since.strftime("%Y-%m-%dT%H:%M:%S"), "-o", columns)
    jobs = []
    for line in text.splitlines():
        number, state, code, when, where, memory, limit, comment = line.split("|", 7)
        word = re.match(r"[A-Z_]+", state).group() if re.match(r"[A-Z_]+", state) else ""
        if Path(where) == folder and word in FAILURES:
            asked = {"OUT_OF_MEMORY": f" of {memory}", "TIMEOUT": f" of {limit}", "FAILED": f" with exit code {code}"}
            jobs.append(EndedJob(number, FAILURES[word] + asked.get(word, ""), when, readable(comment)))
    return jobs


def _answer(*command: str) -> tuple[str, str]:
    """Return what a command of the scheduler prints, or why there is nothing."""
    if shutil.which(command[0]) is None:
        return "", ""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        return "", f"{command[0]} gave no answer within {SECONDS} s"
    if "configuration source" in done.stderr:  # the commands are installed, and belong to no cluster
        return "", ""
    if done.returncode:
        return "", f"{command[0]} does not answer: {done.stderr.strip()}"
    return done.stdout, ""
