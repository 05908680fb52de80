"""From labels, embeddings and images to a score of every object, one folder a model.

INPUTS   images/round-<n>/sample.parquet, images/embeddings/<encoder>/, images/shards/, images/catalogue/
OUTPUTS  images/round-<n>/models/<model>/{weights.pt,history.csv,calibration.json},
         images/round-<n>/scores/<model>/<batch>.json
"""

PROBES = models_of("probe")
FINDERS = models_of("finder")
GIVEN_SCORES = models_of("published_scores")
MODEL = f"{IMAGES}/round-{{round}}/models/{{model}}"
SCORES = f"{IMAGES}/round-{{round}}/scores/{{model}}"


rule train_probe:
    message: "Round {wildcards.round}: train the linear probe {wildcards.model}"
    input:
        embeddings=lambda wildcards: probe_embeddings(wildcards.model, batches(SAMPLED)),
        catalogue=dataset("catalogue", SAMPLED),
        sample=f"{IMAGES}/round-{{round}}/sample.parquet",
    output:
        weights=f"{MODEL}/weights.pt",
        history=f"{MODEL}/history.csv",
    wildcard_constraints:
        model=one_of(PROBES),
    params:
        *code("train_probe"),
        work=WORK,
        settings=lambda wildcards: graph.payload(model=S.models[wildcards.model], seed=S.seed),
    log: f"{WORK}/logs/train_probe/{{round}}-{{model}}.log",
    threads: 1
    resources:
        mem_mb=memory(4000),
        runtime=240,
    conda: ENVIRONMENT
    shell:
        "python -m pipeline.stages.train_probe --embeddings {input.embeddings:q} --catalogue {input.catalogue:q}"
        " --sample {input.sample:q} --weights {output.weights:q} --history {output.history:q}"
        " --name {wildcards.model} --settings {params.settings:q} --work {params.work} --log {log:q}"


rule score_probe:
    message: "Round {wildcards.round}: score {wildcards.batch} with {wildcards.model}"
    input:
        embeddings=lambda wildcards: probe_embeddings(wildcards.model, [wildcards.batch]),
        catalogue=f"{IMAGES}/catalogue/{{batch}}.json",
        weights=f"{MODEL}/weights.pt",
    output: f"{SCORES}/{{batch}}.json",
    wildcard_constraints:
        model=one_of(PROBES),
    params:
        *code("score_probe"),
        work=WORK,
        settings=lambda wildcards: graph.payload(model=S.models[wildcards.model].scoring),
    log: f"{WORK}/logs/score_probe/{{round}}-{{model}}-{{batch}}.log",
    resources:
        launcher="",
        mem_mb=memory(2000),
    conda: ENVIRONMENT
    shell:
        "{resources.launcher} python -m pipeline.stages.score_probe --embeddings {input.embeddings:q} --catalogue {input.catalogue:q}"
        " --weights {input.weights:q} --out {output:q} --name {wildcards.model}"
        " --settings {params.settings:q} --work {params.work} --log {log:q}"


rule train_finder:
    message: "Round {wildcards.round}: train the network {wildcards.model}"
    input:
        images=dataset("shards", SAMPLED),
        sample=f"{IMAGES}/round-{{round}}/sample.parquet",
        augmentation=f"{IMAGES}/augmentation.json",
    output:
        weights=f"{MODEL}/weights.pt",
        history=f"{MODEL}/history.csv",
    wildcard_constraints:
        model=one_of(FINDERS),
    params:
        work=WORK,
        settings=lambda wildcards: graph.payload(model=S.models[wildcards.model], augmentation=S.augmentation, seed=S.seed),
        code=lambda wildcards: code("train_finder", network_of(wildcards.model)),
        network=lambda wildcards: network_of(wildcards.model),
    log: f"{WORK}/logs/train_finder/{{round}}-{{model}}.log",
    threads: max([S.models[name].training.threads for name in FINDERS], default=1)
    resources:
        device=S.device,
        launcher="",
        gpu=GPU,
        mem_mb=memory(6000),
        runtime=1440,
    conda: ENVIRONMENT
    shell:
        "{resources.launcher} python -m pipeline.stages.train_finder --images {input.images:q} --sample {input.sample:q}"
        " --augmentation {input.augmentation:q} --weights {output.weights:q} --history {output.history:q}"
        " --name {wildcards.model} --settings {params.settings:q} --also {params.network} --work {params.work} --log {log:q}"
        " --device {resources.device} --time-limit {resources.runtime}"


rule score_finder:
    message: "Round {wildcards.round}: score {wildcards.batch} with {wildcards.model}"
    input:
        images=f"{IMAGES}/shards/{{batch}}.json",
        weights=f"{MODEL}/weights.pt",
    output: f"{SCORES}/{{batch}}.json",
    wildcard_constraints:
        model=one_of(FINDERS),
    params:
        work=WORK,
        settings=lambda wildcards: graph.payload(model=S.models[wildcards.model].scoring),
        code=lambda wildcards: code("score_finder", network_of(wildcards.model)),
        network=lambda wildcards: network_of(wildcards.model),
    log: f"{WORK}/logs/score_finder/{{round}}-{{model}}-{{batch}}.log",
    threads: max([S.models[name].score_threads for name in FINDERS], default=1)
    resources:
        device=S.device,
        launcher="",
        gpu=GPU,
        mem_mb=memory(4000),
        runtime=240,
    conda: ENVIRONMENT
    shell:
        "{resources.launcher} python -m pipeline.stages.score_finder --images {input.images:q} --weights {input.weights:q} --out {output:q}"
        " --name {wildcards.model} --settings {params.settings:q} --also {params.network} --work {params.work} --log {log:q}"
        " --device {resources.device} --time-limit {resources.runtime}"


rule import_scores:
    message: "Take over the published scores {wildcards.model} of {wildcards.batch}"
    input:
        catalogue=f"{IMAGES}/catalogue/{{batch}}.json",
        published=lambda wildcards: S.models[wildcards.model].path,
    output: f"{SCORES}/{{batch}}.json",
    wildcard_constraints:
        model=one_of(GIVEN_SCORES),
    params:
        *code("import_scores"),
        work=WORK,
        settings=lambda wildcards: graph.payload(model=S.models[wildcards.model]),
    log: f"{WORK}/logs/import_scores/{{round}}-{{model}}-{{batch}}.log",
    conda: ENVIRONMENT
    shell:
        "python -m pipeline.stages.import_scores --catalogue {input.catalogue:q} --published {input.published:q}"
        " --out {output:q} --name {wildcards.model} --settings {params.settings:q} --work {params.work} --log {log:q}"


rule calibrate:
    message: "Round {wildcards.round}: calibrate the scores of {wildcards.model}"
    input:
        scores=lambda wildcards: [f"{IMAGES}/round-{wildcards.round}/scores/{wildcards.model}/{batch}.json" for batch in batches(SAMPLED)],
        sample=f"{IMAGES}/round-{{round}}/sample.parquet",
    output: f"{MODEL}/calibration.json",
    params:
        *code("calibrate"),
        work=WORK,
        settings=lambda wildcards: graph.payload(calibrate=S.calibrate, seed=S.seed),
    log: f"{WORK}/logs/calibrate/{{round}}-{{model}}.log",
    conda: ENVIRONMENT
    shell:
        "python -m pipeline.stages.calibrate --scores {input.scores:q} --sample {input.sample:q} --out {output:q}"
        " --name {wildcards.model} --settings {params.settings:q} --work {params.work} --log {log:q}"
