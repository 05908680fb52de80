"""From shards to encoders and embeddings.

INPUTS   images/shards/<batch>.json, images/catalogue/<batch>.json, images/splits.parquet
OUTPUTS  images/augmentation.{json,png}, images/encoders/<encoder>/{weights.pt,history.csv},
         images/embeddings/<encoder>/<batch>.json
"""

TRAINED = encoders_of("moco")
UNTRAINED = encoders_of("untrained")
GIVEN_WEIGHTS = encoders_of("published_weights")
GIVEN_EMBEDDINGS = encoders_of("published_embeddings")


rule fit_augmentation:
    message: "Fit the distributions of noise, PSF width and E(B-V)"
    input:
        catalogue=dataset("catalogue", SAMPLED),
        splits=f"{IMAGES}/splits.parquet",
    output:
        out=f"{IMAGES}/augmentation.json",
        figure=f"{IMAGES}/augmentation.png",
    params:
        *code("fit_augmentation"),
        work=WORK,
        settings=lambda wildcards: graph.payload(augmentation=S.augmentation, seed=S.seed),
    log: f"{WORK}/logs/fit_augmentation.log",
    conda: ENVIRONMENT
    shell:
        "python -m pipeline.stages.fit_augmentation --catalogue {input.catalogue:q} --splits {input.splits:q}"
        " --out {output.out:q} --figure {output.figure:q} --settings {params.settings:q} --work {params.work} --log {log:q}"


rule pretrain:
    message: "Pre-train the encoder {wildcards.encoder} without labels"
    input:
        images=dataset("shards", SAMPLED),
        catalogue=dataset("catalogue", SAMPLED),
        splits=f"{IMAGES}/splits.parquet",
        augmentation=f"{IMAGES}/augmentation.json",
    output:
        weights=f"{IMAGES}/encoders/{{encoder}}/weights.pt",
        history=f"{IMAGES}/encoders/{{encoder}}/history.csv",
    wildcard_constraints:
        encoder=one_of(TRAINED),
    params:
        *code("pretrain"),
        work=WORK,
        settings=lambda wildcards: graph.payload(
            encoder=S.encoders[wildcards.encoder], pretraining=S.pretraining, seed=S.seed
        ),
    log: f"{WORK}/logs/pretrain/{{encoder}}.log",
    threads: max([S.encoders[name].training.threads for name in TRAINED], default=1)
    resources:
        device=S.device,
        launcher="",
        gpu=GPU,
        mem_mb=memory(6000),
        runtime=1440,
    conda: ENVIRONMENT
    shell:
        "{resources.launcher} python -m pipeline.stages.pretrain --images {input.images:q} --catalogue {input.catalogue:q}"
        " --splits {input.splits:q} --augmentation {input.augmentation:q} --weights {output.weights:q}"
        " --history {output.history:q} --name {wildcards.encoder}"
        " --settings {params.settings:q} --work {params.work} --log {log:q}"
        " --device {resources.device} --time-limit {resources.runtime}"


rule init_encoder:
    message: "Initialise the encoder {wildcards.encoder}, for comparison with a trained one"
    input:
        images=dataset("shards", SAMPLED),
        catalogue=dataset("catalogue", SAMPLED),
        splits=f"{IMAGES}/splits.parquet",
    output:
        weights=f"{IMAGES}/encoders/{{encoder}}/weights.pt",
        history=f"{IMAGES}/encoders/{{encoder}}/history.csv",
    wildcard_constraints:
        encoder=one_of(UNTRAINED),
    params:
        *code("init_encoder"),
        work=WORK,
        settings=lambda wildcards: graph.payload(
            encoder=S.encoders[wildcards.encoder], pretraining=S.pretraining, seed=S.seed
        ),
    log: f"{WORK}/logs/init_encoder/{{encoder}}.log",
    resources:
        gpu=GPU,
        device=S.device,
        mem_mb=memory(4000),
        runtime=240,
    conda: ENVIRONMENT
    shell:
        "python -m pipeline.stages.init_encoder --images {input.images:q} --catalogue {input.catalogue:q}"
        " --splits {input.splits:q} --weights {output.weights:q} --history {output.history:q}"
        " --name {wildcards.encoder} --settings {params.settings:q} --work {params.work} --log {log:q}"
        " --device {resources.device}"


rule import_encoder:
    message: "Take over the published weights of {wildcards.encoder}"
    input:
        published=lambda wildcards: S.encoders[wildcards.encoder].path,
    output:
        weights=f"{IMAGES}/encoders/{{encoder}}/weights.pt",
    wildcard_constraints:
        encoder=one_of(GIVEN_WEIGHTS),
    params:
        *code("import_encoder"),
        work=WORK,
        settings=lambda wildcards: graph.payload(encoder=S.encoders[wildcards.encoder]),
    log: f"{WORK}/logs/import_encoder/{{encoder}}.log",
    conda: ENVIRONMENT
    shell:
        "python -m pipeline.stages.import_encoder --published {input.published:q} --weights {output.weights:q}"
        " --name {wildcards.encoder} --settings {params.settings:q} --work {params.work} --log {log:q}"


rule embed:
    message: "Embed {wildcards.batch} with {wildcards.encoder}"
    input:
        images=f"{IMAGES}/shards/{{batch}}.json",
        weights=f"{IMAGES}/encoders/{{encoder}}/weights.pt",
    output: f"{IMAGES}/embeddings/{{encoder}}/{{batch}}.json",
    wildcard_constraints:
        encoder=one_of(TRAINED + UNTRAINED + GIVEN_WEIGHTS),
    params:
        *code("embed"),
        work=WORK,
        settings=lambda wildcards: graph.payload(embed=S.embed),
    log: f"{WORK}/logs/embed/{{encoder}}-{{batch}}.log",
    threads: S.embed.threads
    resources:
        device=S.device,
        launcher="",
        gpu=GPU,
        mem_mb=memory(4000),
        runtime=240,
    conda: ENVIRONMENT
    shell:
        "{resources.launcher} python -m pipeline.stages.embed --images {input.images:q} --weights {input.weights:q} --out {output:q}"
        " --name {wildcards.encoder} --settings {params.settings:q} --work {params.work} --log {log:q}"
        " --device {resources.device} --time-limit {resources.runtime}"


rule import_embeddings:
    message: "Take over the published embeddings {wildcards.encoder} of {wildcards.batch}"
    input:
        images=f"{IMAGES}/shards/{{batch}}.json",
        embeddings=lambda wildcards: S.encoders[wildcards.encoder].path,
        ids=lambda wildcards: S.encoders[wildcards.encoder].ids,
    output: f"{IMAGES}/embeddings/{{encoder}}/{{batch}}.json",
    wildcard_constraints:
        encoder=one_of(GIVEN_EMBEDDINGS),
    params:
        *code("import_embeddings"),
        work=WORK,
    log: f"{WORK}/logs/import_embeddings/{{encoder}}-{{batch}}.log",
    conda: ENVIRONMENT
    shell:
        "python -m pipeline.stages.import_embeddings --images {input.images:q} --embeddings {input.embeddings:q}"
        " --ids {input.ids:q} --out {output:q} --name {wildcards.encoder} --work {params.work} --log {log:q}"
