"""Names of the files of the spectra half, and the list of its shards. No rules."""

SPECTRA = f"{RESULTS}/spectra"
Q = S.spectra
SPECTRA_SIMULATED = Q.survey.kind == "simulated"
SPECTRA_TRANCHES = sorted({row.tranche for row in SPECTRA_ROWS})
SPECTRA_SAMPLED = [tranche for tranche in Q.sample.tranches if tranche in SPECTRA_TRANCHES]
SPECTRA_OF_BATCH = graph.grouped(SPECTRA_ROWS, "batch")
SPECTRA_OF_TRANCHE = graph.grouped(SPECTRA_ROWS, "tranche")
# What a job of one tranche knows of the survey: how many tranches there are is not its business.
SPECTRA_SURVEY = Q.survey.model_copy(update={"tranches": 1}) if SPECTRA_SIMULATED else Q.survey
ESTIMATOR = f"{SPECTRA}/models/{{estimator}}"
NETWORKS = [name for name, one in Q.estimators.items() if one.kind in ("fnet", "rnet", "quasarnet")]
GIVEN_NETWORKS = [name for name, one in Q.estimators.items() if one.kind == "published_quasarnet"]
SCANS = [name for name, one in Q.estimators.items() if one.kind == "pca"]


def spectra_dataset(folder, tranches=SPECTRA_TRANCHES):
    """Manifests of a dataset below spectra/."""
    batches = [batch for batch, rows in SPECTRA_OF_BATCH.items() if rows[0].tranche in tranches]
    return [f"{SPECTRA}/{folder}/{batch}.json" for batch in batches]


def tranche_folder(batch):
    """Where the raw files of a simulated batch lie."""
    return f"{RESULTS}/survey/tranche-{batch.split('-')[0][1:]}/spectra"


def quasar_catalogue(batch):
    """The table of visual inspections that a batch is joined with."""
    if SPECTRA_SIMULATED:
        return f"{tranche_folder(batch)}/qso_catalogue.fits"
    return getattr(Q.survey, "quasars", None) or []


def estimator_module(name):
    """The module of an estimator, which stages import by name."""
    return f"learn.estimators.{Q.estimators[name].kind.removeprefix('published_')}"


def estimator_code(stage, name):
    """The fingerprint of a stage that imports an estimator by name."""
    return code(stage, estimator_module(name))


def redshifts_of(batches):
    """Manifests of the candidates of all estimators, for some batches (names of manifests)."""
    return [f"{SPECTRA}/redshifts/{name}/{Path(batch).name}" for name in Q.estimators for batch in batches]


def published_templates(name):
    """Files of eigenspectra that the settings name, in their order."""
    templates = Q.estimators[name].templates
    if templates.kind == "learned":
        return []
    return [one.path for kind in ("quasar", "galaxy", "star") for one in getattr(templates, kind)]


def redshift_code_digest():
    """Digest of the code on which the published redshifts depend."""
    kinds = [estimator_module(name) for name in Q.estimators]
    return short_digest("\n".join(sorted({line for stage in REDSHIFT_STAGES for line in code(stage, *kinds)})))


def redshift_assessment(name, there):
    """An assessment of the redshifts, where the run has it."""
    return [f"{SPECTRA}/assessment/{name}.json"] if there else []
