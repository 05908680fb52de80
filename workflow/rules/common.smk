"""Settings and names that every chapter uses. No rules."""

import hashlib
import os
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger

from pipeline import graph
from pipeline.errors import PipelineError

# The folder of the running Python comes first, so that `.venv/bin/snakemake` works unactivated. One thread for the
# linear algebra of numpy: a stage sets the threads of its networks itself, from its settings.
shell.prefix(
    f"export PATH={os.path.dirname(sys.executable)}:$PATH OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 "
    "HDF5_USE_FILE_LOCKING=FALSE; "
)

try:
    S = graph.load(config)
    RUN = S.run
    RESULTS, WORK = f"results/{RUN}", f"work/{RUN}"
    ROWS = graph.image_shards(S, Path(RESULTS), workflow.overwrite_configfiles)
    SPECTRA_ROWS = graph.spectrum_shards(S, Path(RESULTS), workflow.overwrite_configfiles)
    graph.name_account(workflow.resource_settings.default_resources)
except PipelineError as error:
    raise WorkflowError(str(error)) from None

logger.addFilter(graph.RequestedHours())
if workflow.remote_exec:
    graph.mark_own_job()

ENVIRONMENT = "../envs/cpu.yaml"
# What the release has an entrance to: each half adds its own.
SUMMARIES = []


# GPUs that a job asks for where a network runs. A machine that has none needs no other setting: they are counted only
# where a limit is given (`--resources gpu=1`, or a scheduler).
GPU = 1


def memory(megabytes):
    """What a job asks for: as much again at each further attempt."""
    return lambda wildcards, attempt: megabytes * attempt


def code(stage, *modules):
    """The fingerprint of a stage, as a list, so that Snakemake's reason names the module that changed."""
    return graph.fingerprint(stage, *modules)


wildcard_constraints:
    batch=r"t\d+-[bs]\d+",
    tranche=r"\d+",
    round=r"\d+",
    encoder=r"[A-Za-z0-9_]+",
    model=r"[A-Za-z0-9_]+",
    grader=r"[A-Za-z0-9_-]+",


def one_of(names):
    """A pattern that matches exactly these names (nothing when there are none)."""
    return "|".join(names) if names else "(?!)"


def short_digest(text):
    """The first half of a sha256, as the headers of products show it."""
    return hashlib.sha256(text.encode()).hexdigest()[:32]
