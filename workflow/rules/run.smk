"""What the halves of a run share.

INPUTS   the settings, summaries of the products
OUTPUTS  results/<run>/settings.yaml, release/index.html
"""


rule write_settings:
    message: "Save the merged settings of the run"
    output: f"{RESULTS}/settings.yaml",
    params:
        *code("write_settings"),
        work=WORK,
        settings=lambda wildcards: graph.payload(**S.plain()),
    log: f"{WORK}/logs/write_settings.log",
    conda: ENVIRONMENT
    shell: "python -m pipeline.stages.write_settings --out {output:q} --settings {params.settings:q} --work {params.work} --log {log:q}"


rule release_index:
    message: "Write the entrance to the release"
    input:
        summaries=SUMMARIES,
    output: f"{RESULTS}/release/index.html",
    params:
        *code("release_index"),
        work=WORK,
    log: f"{WORK}/logs/release_index.log",
    conda: ENVIRONMENT
    shell:
        "python -m pipeline.stages.release_index --summaries {input.summaries:q} --out {output:q}"
        " --work {params.work} --log {log:q}"
