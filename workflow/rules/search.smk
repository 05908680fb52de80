"""From embeddings to the nearest neighbours of every object.

INPUTS   images/embeddings/<encoder>/<batch>.json, images/catalogue/<batch>.json
OUTPUTS  images/neighbours/<encoder>/manifest.json
"""


rule similarity:
    message: "Nearest neighbours of every object in the embedding {wildcards.encoder}"
    input:
        embeddings=lambda wildcards: dataset(f"embeddings/{wildcards.encoder}"),
        catalogue=dataset("catalogue"),
    output: f"{IMAGES}/neighbours/{{encoder}}/manifest.json",
    params:
        *code("similarity"),
        work=WORK,
        settings=lambda wildcards: graph.payload(similarity=S.similarity),
    log: f"{WORK}/logs/similarity/{{encoder}}.log",
    threads: S.similarity.threads if S.similarity else 1
    resources:
        launcher="",
        mem_mb=memory(8000),
        runtime=720,
    conda: ENVIRONMENT
    shell:
        "{resources.launcher} python -m pipeline.stages.similarity --embeddings {input.embeddings:q} --catalogue {input.catalogue:q}"
        " --out {output:q} --name {wildcards.encoder} --settings {params.settings:q} --work {params.work} --log {log:q}"
        " --time-limit {resources.runtime}"
