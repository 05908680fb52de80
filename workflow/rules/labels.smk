"""From lists of known objects to labels, sky splits and training samples.

INPUTS   images/catalogue/<batch>.json, the lists of known objects, grades of earlier rounds
OUTPUTS  images/labels.ecsv, images/splits.parquet, images/leak_audit.json, images/round-<n>/sample.parquet
"""


rule splits:
    message: "Deal the sky cells to train, select, calibrate and judge"
    output: f"{IMAGES}/splits.parquet",
    params:
        *code("splits"),
        work=WORK,
        settings=lambda wildcards: graph.payload(splits=S.splits, seed=S.seed),
    log: f"{WORK}/logs/splits.log",
    conda: ENVIRONMENT
    shell: "python -m pipeline.stages.splits --out {output:q} --settings {params.settings:q} --work {params.work} --log {log:q}"


if S.labels:

    rule labels:
        message: "Merge the lists of known objects and match them with the catalogue"
        input:
            catalogue=dataset("catalogue", SAMPLED),
            lists=known_lists(SAMPLED),
            visibility=visibility_lists(SAMPLED),
        output: f"{IMAGES}/labels.ecsv",
        params:
            *code("labels"),
            work=WORK,
            settings=lambda wildcards: graph.payload(labels=S.labels),
        log: f"{WORK}/logs/labels.log",
        resources:
            mem_mb=memory(4000),
        conda: ENVIRONMENT
        shell:
            "python -m pipeline.stages.labels --catalogue {input.catalogue:q} --lists {input.lists:q}"
            " --visibility {input.visibility:q} --out {output:q}"
            " --settings {params.settings:q} --work {params.work} --log {log:q}"

    rule sample:
        message: "Round {wildcards.round}: choose lenses and non-lenses for training and judging"
        input:
            catalogue=dataset("catalogue", SAMPLED),
            labels=f"{IMAGES}/labels.ecsv",
            splits=f"{IMAGES}/splits.parquet",
            grades=lambda wildcards: [f"{IMAGES}/round-{n}/grades.ecsv" for n in range(1, int(wildcards.round))],
            confusers=[S.sample.confusers.path] if S.sample and S.sample.confusers else [],
        output: f"{IMAGES}/round-{{round}}/sample.parquet",
        params:
            *code("sample"),
            work=WORK,
            settings=lambda wildcards: graph.payload(sample=S.sample, splits=S.splits, seed=S.seed),
        log: f"{WORK}/logs/sample-{{round}}.log",
        resources:
            mem_mb=memory(4000),
        conda: ENVIRONMENT
        shell:
            "python -m pipeline.stages.sample --catalogue {input.catalogue:q} --labels {input.labels:q}"
            " --splits {input.splits:q} --grades {input.grades:q} --confusers {input.confusers:q} --out {output:q}"
            " --settings {params.settings:q} --work {params.work} --log {log:q}"

    rule leak_audit:
        message: "Audit: nothing that is judged was seen before"
        input:
            catalogue=dataset("catalogue", SAMPLED),
            labels=f"{IMAGES}/labels.ecsv",
            splits=f"{IMAGES}/splits.parquet",
            sample=f"{IMAGES}/round-1/sample.parquet",
        output: f"{IMAGES}/leak_audit.json",
        params:
            *code("leak_audit"),
            work=WORK,
            settings=lambda wildcards: graph.payload(splits=S.splits, sample=S.sample, pretraining=S.pretraining, seed=S.seed),
        log: f"{WORK}/logs/leak_audit.log",
        resources:
            mem_mb=memory(4000),
        conda: ENVIRONMENT
        shell:
            "python -m pipeline.stages.leak_audit --catalogue {input.catalogue:q} --labels {input.labels:q}"
            " --splits {input.splits:q} --sample {input.sample:q} --out {output:q}"
            " --settings {params.settings:q} --work {params.work} --log {log:q}"
