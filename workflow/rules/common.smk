"""Settings, names of files and the list of shards: what every chapter uses. No rules."""

import os
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

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
    RESULTS, WORK, IMAGES = f"results/{RUN}", f"work/{RUN}", f"results/{RUN}/images"
    ROWS = graph.shards_of(S, Path(RESULTS), workflow.overwrite_configfiles)
except PipelineError as error:
    raise WorkflowError(str(error)) from None

SIMULATED = S.survey.kind == "simulated"
TRANCHES = sorted({row.tranche for row in ROWS})
SAMPLED = [tranche for tranche in S.sample.tranches if tranche in TRANCHES] if S.sample else TRANCHES
ENVIRONMENT = "../envs/cpu.yaml"


def code(stage, *modules):
    """The fingerprint of a stage, as a list, so that Snakemake's reason names the module that changed."""
    return graph.fingerprint(stage, *modules)


def rows_of(**wanted):
    """Rows of the list of shards with the given values, as JSON."""
    return graph.rows_json([row for row in ROWS if all(str(getattr(row, key)) == str(value) for key, value in wanted.items())])


def batches(tranches=TRANCHES):
    """Names of the batches of some tranches, in order."""
    return list(dict.fromkeys(row.batch for row in ROWS if row.tranche in tranches))


def dataset(folder, tranches=TRANCHES):
    """Manifests of a dataset below images/."""
    return [f"{IMAGES}/{folder}/{batch}.json" for batch in batches(tranches)]


wildcard_constraints:
    batch=r"t\d+-b\d+",
    tranche=r"\d+",
    round=r"\d+",
    encoder=r"[A-Za-z0-9_]+",
    model=r"[A-Za-z0-9_]+",
    grader=r"[A-Za-z0-9_-]+",


def one_of(names):
    """A pattern that matches exactly these names (nothing when there are none)."""
    return "|".join(names) if names else "(?!)"


def encoders_of(kind):
    """Names of the encoders of one kind."""
    return [name for name, encoder in S.encoders.items() if encoder.kind == kind]


def models_of(kind):
    """Names of the models of one kind."""
    return [name for name, model in S.models.items() if model.kind == kind]


def encoders_of_probe(model):
    """Encoders whose embeddings are features of a probe."""
    prefix = "embedding."
    return [feature.removeprefix(prefix) for feature in S.models[model].features if feature.startswith(prefix)]


def network_of(model):
    """Module of the network of a finder."""
    return f"models.{S.models[model].network}"


def known_lists(tranches=TRANCHES):
    """Lists of known objects, in the order of the settings; a simulated tranche has lists of its own."""
    paths = [known.path for known in S.labels.lists]
    return [path.format(tranche=tranche) for tranche in tranches for path in paths] if SIMULATED else paths


def visibility_lists(tranches=TRANCHES):
    """Tables of the first grading of known objects."""
    path = S.labels.visibility
    if not path:
        return []
    return [path.format(tranche=tranche) for tranche in tranches] if SIMULATED else [path]


def searched_encoders():
    """Encoders in which the searches of the settings look."""
    return sorted({search.encoder for search in S.searches})


def sheet(number, grader):
    """Where the sheet of a grader lies: people's outside results/, where no rule writes."""
    if grader.kind == "people":
        return f"grades/{RUN}/round-{number}/{grader.name}.csv"
    return f"{IMAGES}/round-{number}/simulated/{grader.name}.csv"


def sheets(number):
    """Sheets of all graders of a round."""
    return [sheet(number, grader) for grader in S.grading.rounds[number - 1].graders]


def missing_sheets(number):
    """Sheets of people that do not exist yet."""
    people = [grader for grader in S.grading.rounds[number - 1].graders if grader.kind == "people"]
    return [sheet(number, grader) for grader in people if not os.path.exists(sheet(number, grader))]


# Rounds whose sheets are all there, from the first on; the next one waits for people.
ROUNDS = len(S.grading.rounds) if S.grading else 0
GRADED = []
for number in range(1, ROUNDS + 1):
    if missing_sheets(number):
        break
    GRADED.append(number)
WAITING = len(GRADED) + 1 if len(GRADED) < ROUNDS else None


def waiting_arguments():
    """What the closing lines need in order to say for whom the run waits, and what to type."""
    folder = f"{IMAGES}/round-{WAITING}/batch"
    missing = " ".join(missing_sheets(WAITING))
    configs = " ".join(f"--configfile {name}" for name in workflow.overwrite_configfiles)
    return f"--page {folder}/batch.html --sheet {folder}/batch.csv --missing {missing} --command 'snakemake --cores all {configs}'"
