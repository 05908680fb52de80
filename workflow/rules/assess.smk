"""How good the models are, on objects that chose nothing; whether the survey is fair; what became of known lenses.

INPUTS   images/catalogue/, images/splits.parquet, images/labels.ecsv, scores, samples, grades; truth/ (simulated)
OUTPUTS  images/round-<n>/assessment/<model>.json, comparison.json, training_ratios.json, survey.json, candidates.json,
         classes.json
"""

ASSESSMENT = f"{IMAGES}/round-{{round}}/assessment"
TRUTH = [f"{RESULTS}/truth/{tranche}.parquet" for tranche in SAMPLED] if SIMULATED else []
JUDGED = {
    "catalogue": dataset("catalogue", SAMPLED),
    "splits": f"{IMAGES}/splits.parquet",
    "labels": f"{IMAGES}/labels.ecsv",
    "truth": TRUTH,
}


rule assess_model:
    message: "Round {wildcards.round}: judge the model {wildcards.model}"
    input:
        **JUDGED,
        scores=lambda wildcards: scores_of(wildcards.round, [wildcards.model], SAMPLED),
        calibration=f"{IMAGES}/round-{{round}}/models/{{model}}/calibration.json",
    output: f"{ASSESSMENT}/{{model}}.json",
    wildcard_constraints:
        model=one_of(S.models),
    params:
        *code("assess_model"),
        work=WORK,
        settings=lambda wildcards: assess_payload(ranking=S.assess.ranking),
    log: f"{WORK}/logs/assess_model/{{round}}-{{model}}.log",
    resources:
        mem_mb=memory(3000),
    conda: ENVIRONMENT
    shell:
        "python -m pipeline.stages.assess_model --scores {input.scores:q}"
        " --catalogue {input.catalogue:q} --splits {input.splits:q} --labels {input.labels:q} --truth {input.truth:q}"
        " --calibration {input.calibration:q} --out {output:q} --name {wildcards.model}"
        " --settings {params.settings:q} --work {params.work} --log {log:q}"


rule compare_models:
    message: "Round {wildcards.round}: compare the models"
    input:
        **JUDGED,
        scores=lambda wildcards: scores_of(wildcards.round, compared_models(), SAMPLED),
    output: f"{ASSESSMENT}/comparison.json",
    params:
        *code("compare_models"),
        work=WORK,
        settings=lambda wildcards: assess_payload(ranking=S.assess.ranking, comparison=S.assess.comparison),
    log: f"{WORK}/logs/compare_models/{{round}}.log",
    resources:
        mem_mb=memory(3000),
    conda: ENVIRONMENT
    shell:
        "python -m pipeline.stages.compare_models --scores {input.scores:q}"
        " --catalogue {input.catalogue:q} --splits {input.splits:q} --labels {input.labels:q} --truth {input.truth:q}"
        " --out {output:q} --settings {params.settings:q} --work {params.work} --log {log:q}"


rule training_ratios:
    message: "Round {wildcards.round}: precision against the training ratio"
    input:
        **JUDGED,
        embeddings=lambda wildcards: probe_embeddings(S.assess.training_ratios.model, batches(SAMPLED)),
        sample=f"{IMAGES}/round-{{round}}/sample.parquet",
    output: f"{ASSESSMENT}/training_ratios.json",
    params:
        *code("training_ratios"),
        work=WORK,
        settings=lambda wildcards: assess_payload(
            training_ratios=S.assess.training_ratios,
            model=S.models[S.assess.training_ratios.model],
            ratios=list(S.sample.ratios),
        ),
    log: f"{WORK}/logs/training_ratios/{{round}}.log",
    resources:
        mem_mb=memory(4000),
        runtime=240,
    conda: ENVIRONMENT
    shell:
        "python -m pipeline.stages.training_ratios --embeddings {input.embeddings:q} --sample {input.sample:q}"
        " --catalogue {input.catalogue:q} --splits {input.splits:q} --labels {input.labels:q} --truth {input.truth:q}"
        " --out {output:q} --settings {params.settings:q} --work {params.work} --log {log:q}"


rule assess_survey:
    message: "Is the simulated survey fair?"
    input:
        **JUDGED,
        images=dataset("shards", SAMPLED),
    output: f"{ASSESSMENT}/survey.json",
    params:
        *code("assess_survey"),
        work=WORK,
        settings=lambda wildcards: assess_payload(honesty=S.assess.survey, nside=S.splits.nside),
    log: f"{WORK}/logs/assess_survey/{{round}}.log",
    resources:
        mem_mb=memory(4000),
        runtime=240,
    conda: ENVIRONMENT
    shell:
        "python -m pipeline.stages.assess_survey --images {input.images:q}"
        " --catalogue {input.catalogue:q} --splits {input.splits:q} --labels {input.labels:q} --truth {input.truth:q}"
        " --out {output:q} --settings {params.settings:q} --work {params.work} --log {log:q}"


rule assess_candidates:
    message: "Round {wildcards.round}: what became of known and of planted lenses"
    input:
        candidates=lambda wildcards: [f"{IMAGES}/round-{n}/candidates.ecsv" for n in range(1, int(wildcards.round) + 1)],
        grades=lambda wildcards: [f"{IMAGES}/round-{n}/grades.ecsv" for n in range(1, int(wildcards.round) + 1)],
        labels=f"{IMAGES}/labels.ecsv",
        sample=f"{IMAGES}/round-{{round}}/sample.parquet",
        scores=lambda wildcards: scores_of(wildcards.round, list(S.models), TRANCHES),
        catalogue=dataset("catalogue"),
        survey=[f"{RESULTS}/survey/{batch}.json" for batch in batches()] if SIMULATED else [],
        truth=[f"{RESULTS}/truth/{tranche}.parquet" for tranche in TRANCHES] if SIMULATED else [],
        shards=f"{RESULTS}/shards.tsv",  # all of them are too long for a command line
    output: f"{ASSESSMENT}/candidates.json",
    params:
        *code("assess_candidates"),
        work=WORK,
        settings=lambda wildcards: assess_payload(
            ingest=S.ingest,
            survey={"kind": "simulated"} if SIMULATED else S.survey.plain(),
            system_arcsec=S.rank.system_arcsec,
        ),
        root=lambda wildcards: f"{RESULTS}/survey",
    log: f"{WORK}/logs/assess_candidates/{{round}}.log",
    resources:
        mem_mb=memory(4000),
    conda: ENVIRONMENT
    shell:
        "python -m pipeline.stages.assess_candidates --candidates {input.candidates:q} --grades {input.grades:q}"
        " --labels {input.labels:q} --sample {input.sample:q} --scores {input.scores:q}"
        " --catalogue {input.catalogue:q} --survey {input.survey:q} --truth {input.truth:q} --out {output:q}"
        " --shards {input.shards:q} --root {params.root:q} --settings {params.settings:q} --work {params.work} --log {log:q}"


if S.assess.classes:

    CLASS_ENCODERS = sorted(
        {name.removeprefix("embedding.") for row in S.assess.classes.rows.values() for name in row if "." in name}
    )

    rule assess_classes:
        message: "Do embeddings tell two known classes apart?"
        input:
            embeddings=[path for encoder in CLASS_ENCODERS for path in dataset(f"embeddings/{encoder}")],
            catalogue=dataset("catalogue"),
        output: f"{ASSESSMENT}/classes.json",
        params:
            *code("assess_classes"),
            work=WORK,
            settings=lambda wildcards: graph.payload(
                judged=S.assess.judged,
                classes=S.assess.classes,
                seed=S.seed,
                nside=S.splits.nside,
                transductive=S.pretraining.transductive,
            ),
        log: f"{WORK}/logs/assess_classes/{{round}}.log",
        resources:
            mem_mb=memory(4000),
        conda: ENVIRONMENT
        shell:
            "python -m pipeline.stages.assess_classes --embeddings {input.embeddings:q} --catalogue {input.catalogue:q}"
            " --out {output:q} --settings {params.settings:q} --work {params.work} --log {log:q}"
