"""From scores to candidates, grading batches and grades, round by round.

INPUTS   scores, calibrations, neighbours, labels; the sheets of people: grades/<run>/round-<n>/<grader>.csv
OUTPUTS  images/round-<n>/candidates.ecsv, batch/{batch.html,batch.csv,manifest.json}, simulated/<grader>.csv,
         grades.ecsv
"""

ROUND = f"{IMAGES}/round-{{round}}"


rule rank:
    message: "Round {wildcards.round}: merge and rank the candidates of all models and searches"
    input:
        scores=lambda wildcards: [
            f"{IMAGES}/round-{wildcards.round}/scores/{model}/{batch}.json" for model in S.rank.models for batch in batches()
        ],
        calibrations=lambda wildcards: [f"{IMAGES}/round-{wildcards.round}/models/{model}/calibration.json" for model in S.rank.models],
        neighbours=[f"{IMAGES}/neighbours/{encoder}/manifest.json" for encoder in searched_encoders()],
        catalogue=dataset("catalogue"),
        labels=f"{IMAGES}/labels.ecsv",
        sample=f"{ROUND}/sample.parquet",
        lists=known_lists() if S.labels else [],
    output: f"{ROUND}/candidates.ecsv",
    params:
        *code("rank"),
        work=WORK,
        settings=lambda wildcards: graph.payload(rank=S.rank, searches=[search.plain() for search in S.searches], labels=S.labels),
        models=lambda wildcards: graph.payload(names=S.rank.models if S.rank else []),
    log: f"{WORK}/logs/rank-{{round}}.log",
    resources:
        mem_mb=memory(6000),
    conda: ENVIRONMENT
    shell:
        "python -m pipeline.stages.rank --scores {input.scores:q} --calibrations {input.calibrations:q}"
        " --neighbours {input.neighbours:q} --catalogue {input.catalogue:q} --labels {input.labels:q}"
        " --sample {input.sample:q} --lists {input.lists:q} --out {output:q} --models {params.models:q}"
        " --settings {params.settings:q} --work {params.work} --log {log:q}"


rule grading_batch:
    message: "Round {wildcards.round}: the page and the sheet for graders"
    input:
        candidates=f"{ROUND}/candidates.ecsv",
        images=dataset("shards"),
    output:
        html=f"{ROUND}/batch/batch.html",
        csv=f"{ROUND}/batch/batch.csv",
        manifest=f"{ROUND}/batch/manifest.json",
    params:
        *code("grading_batch"),
        run=RUN,
        work=WORK,
        settings=lambda wildcards: graph.payload(grading=S.grading, seed=S.seed),
    log: f"{WORK}/logs/grading_batch-{{round}}.log",
    conda: ENVIRONMENT
    shell:
        "python -m pipeline.stages.grading_batch --candidates {input.candidates:q} --images {input.images:q}"
        " --html {output.html:q} --csv {output.csv:q} --manifest {output.manifest:q} --run {params.run} --round {wildcards.round}"
        " --settings {params.settings:q} --work {params.work} --log {log:q}"


if SIMULATED:

    rule simulated_grades:
        message: "Round {wildcards.round}: the simulated grader {wildcards.grader}"
        input:
            manifest=f"{ROUND}/batch/manifest.json",
            truth=[f"{RESULTS}/truth/{tranche}.parquet" for tranche in TRANCHES],
        output: f"{ROUND}/simulated/{{grader}}.csv",
        params:
            *code("simulated_grades"),
            work=WORK,
            settings=lambda wildcards: graph.payload(grader=S.grading.grader(wildcards.grader), rule=S.grading.rule, seed=S.seed),
        log: f"{WORK}/logs/simulated_grades/{{round}}-{{grader}}.log",
        conda: ENVIRONMENT
        shell:
            "python -m pipeline.stages.simulated_grades --manifest {input.manifest:q} --truth {input.truth:q}"
            " --out {output:q} --name {wildcards.grader} --settings {params.settings:q} --work {params.work} --log {log:q}"


rule import_grades:
    message: "Round {wildcards.round}: check the graders' sheets and combine them"
    input:
        manifest=f"{ROUND}/batch/manifest.json",
        sheets=lambda wildcards: sheets(int(wildcards.round)),
    output: f"{ROUND}/grades.ecsv",
    params:
        *code("import_grades"),
        work=WORK,
        settings=lambda wildcards: graph.payload(grading=S.grading),
    log: f"{WORK}/logs/import_grades-{{round}}.log",
    conda: ENVIRONMENT
    shell:
        "python -m pipeline.stages.import_grades --manifest {input.manifest:q} --sheets {input.sheets:q} --out {output:q}"
        " --settings {params.settings:q} --work {params.work} --log {log:q}"
