"""Names of the files of the image half, and the list of its shards. No rules."""

IMAGES = f"{RESULTS}/images"
SIMULATED = S.survey.kind == "simulated"
TRANCHES = sorted({row.tranche for row in ROWS})
SAMPLED = [tranche for tranche in S.sample.tranches if tranche in TRANCHES] if S.sample else TRANCHES
# What a job of one tranche knows of the survey: how many tranches there are is not its business.
SURVEY = S.survey.model_copy(update={"tranches": 1}) if SIMULATED else S.survey
# Looked up once for each of thousands of jobs.
ROWS_OF_BATCH = graph.grouped(ROWS, "batch")
ROWS_OF_TRANCHE = graph.grouped(ROWS, "tranche")


def batches(tranches=TRANCHES):
    """Names of the batches of some tranches, in order."""
    return [batch for batch, rows in ROWS_OF_BATCH.items() if rows[0].tranche in tranches]


def dataset(folder, tranches=TRANCHES):
    """Manifests of a dataset below images/."""
    return [f"{IMAGES}/{folder}/{batch}.json" for batch in batches(tranches)]


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


def probe_embeddings(model, names):
    """Manifests of the embeddings that a probe reads, for some batches."""
    return [f"{IMAGES}/embeddings/{encoder}/{batch}.json" for encoder in encoders_of_probe(model) for batch in names]


def assess_payload(**sections):
    """Settings of an assessing stage: who is judged, and its own section."""
    return graph.payload(judged=S.assess.judged, seed=S.seed, simulated=SIMULATED, **sections)


def scores_of(number, models, tranches):
    """Manifests of the scores of some models in a round."""
    return [
        f"{IMAGES}/round-{number}/scores/{model}/{batch}.json" for model in models for batch in batches(tranches)
    ]


def compared_models():
    """Models that the comparisons of the settings name, in the order of the settings."""
    named = {name for pair in S.assess.comparison.pairs for name in (pair.first, pair.second)}
    return [name for name in S.models if name in named]


def assessments(number):
    """What is assessed in a round before people grade it."""
    names = list(S.models) if S.assess.ranking else []
    names += ["comparison"] if S.assess.comparison else []
    names += ["training_ratios"] if S.assess.training_ratios else []
    names += ["survey"] if S.assess.survey and SIMULATED else []
    return [f"{IMAGES}/round-{number}/assessment/{name}.json" for name in names]


def code_digest():
    """Digest of the code on which the published table depends."""
    networks = [network_of(model) for model in models_of("finder")]
    return short_digest("\n".join(sorted({line for stage in TABLE_STAGES for line in code(stage, *networks)})))


def specz_tables():
    """Tables of spectroscopic redshifts; a simulated tranche has its own."""
    paths = [table.path for table in S.release.spectroscopic]
    return [path.format(tranche=tranche) for tranche in TRANCHES for path in paths] if SIMULATED else paths


def histories(number):
    """Curves of all that was trained."""
    trained = [f"{IMAGES}/encoders/{name}/history.csv" for name in TRAINED]
    return trained + [f"{IMAGES}/round-{number}/models/{name}/history.csv" for name in PROBES + FINDERS]


def assessment(name, wanted):
    """An assessment of the last graded round, or nothing where the settings switch it off."""
    return [f"{IMAGES}/round-{LAST}/assessment/{name}.json"] if wanted else []


def of_graded(name):
    """A file of each graded round."""
    return [f"{IMAGES}/round-{number}/{name}" for number in GRADED]


def whole_run():
    """What a run makes beside its release."""
    made = [f"{RESULTS}/settings.yaml", *([f"{RESULTS}/shards.tsv"] if SIMULATED else [])]
    made += [path for encoder in S.encoders for path in dataset(f"embeddings/{encoder}")]
    if S.similarity:
        made += [f"{IMAGES}/neighbours/{encoder}/manifest.json" for encoder in S.encoders if encoder not in UNTRAINED]
    if S.labels:
        made += [f"{IMAGES}/leak_audit.json"]
    if S.assess.classes:
        made += [f"{IMAGES}/round-1/assessment/classes.json"]
    for number in [*GRADED, *([WAITING] if WAITING else [])]:
        made += assessments(number)
        made += [f"{IMAGES}/round-{number}/batch/{name}" for name in ("batch.html", "batch.csv", "manifest.json")]
    return made
