"""From raw survey files to shards.

INPUTS   the raw files that the settings name; for a simulated survey nothing: it writes its own
OUTPUTS  results/<run>/shards.tsv (simulated), survey/ and truth/ (simulated),
         images/catalogue/<batch>.json, images/shards/<batch>.json
"""


if SIMULATED:

    rule list_shards:
        message: "Save the list of shards"
        output: f"{RESULTS}/shards.tsv",
        params:
            *code("list_shards"),
            work=WORK,
            rows=graph.rows_json(ROWS),
        log: f"{WORK}/logs/list_shards.log",
        conda: ENVIRONMENT
        shell: "python -m pipeline.stages.list_shards --out {output:q} --rows {params.rows:q} --work {params.work} --log {log:q}"

    rule simulate_catalogues:
        message: "Simulated tranche {wildcards.tranche}: truth, lists of known lenses, table of bricks"
        output:
            truth=f"{RESULTS}/truth/{{tranche}}.parquet",
            list_a=f"{RESULTS}/survey/tranche-{{tranche}}/lens_list_a.csv",
            list_b=f"{RESULTS}/survey/tranche-{{tranche}}/lens_list_b.tsv",
            visibility=f"{RESULTS}/survey/tranche-{{tranche}}/known_visibility.csv",
            specz=f"{RESULTS}/survey/tranche-{{tranche}}/specz.fits",
            bricks=f"{RESULTS}/survey/tranche-{{tranche}}/survey-bricks.fits.gz",
        params:
            *code("simulate_catalogues"),
            work=WORK,
            settings=lambda wildcards: graph.payload(survey=SURVEY, seed=S.seed),
            rows=lambda wildcards: graph.rows_json(ROWS_OF_TRANCHE[int(wildcards.tranche)]),
        log: f"{WORK}/logs/simulate_catalogues/{{tranche}}.log",
        resources:
            mem_mb=memory(2000),
            runtime=60,
        conda: ENVIRONMENT
        shell:
            "python -m pipeline.stages.simulate_catalogues --truth {output.truth:q} --list-a {output.list_a:q}"
            " --list-b {output.list_b:q} --visibility {output.visibility:q} --specz {output.specz:q}"
            " --bricks {output.bricks:q} --tranche {wildcards.tranche} --rows {params.rows:q}"
            " --settings {params.settings:q} --work {params.work} --log {log:q}"

    rule simulate_survey:
        message: "Simulated survey {wildcards.batch}: sweeps, photometric redshifts, coadd bricks"
        output: f"{RESULTS}/survey/{{batch}}.json",
        wildcard_constraints:
            batch=r"t\d+-b\d+",
        params:
            *code("simulate_survey"),
            work=WORK,
            settings=lambda wildcards: graph.payload(survey=SURVEY, seed=S.seed),
            rows=lambda wildcards: graph.rows_json(ROWS_OF_BATCH[wildcards.batch]),
        log: f"{WORK}/logs/simulate_survey/{{batch}}.log",
        resources:
            mem_mb=memory(2000),
            runtime=240,
        conda: ENVIRONMENT
        shell:
            "python -m pipeline.stages.simulate_survey --out {output:q} --rows {params.rows:q}"
            " --settings {params.settings:q} --work {params.work} --log {log:q}"


rule ingest:
    message: "Ingest {wildcards.batch}: catalogue and cutouts"
    input:
        survey=f"{RESULTS}/survey/{{batch}}.json" if SIMULATED else [],
        bricks=lambda wildcards: f"{RESULTS}/survey/tranche-{wildcards.batch.split('-')[0][1:]}/survey-bricks.fits.gz" if SIMULATED else [],
    output:
        catalogue=f"{IMAGES}/catalogue/{{batch}}.json",
        images=f"{IMAGES}/shards/{{batch}}.json",
    params:
        *code("ingest"),
        work=WORK,
        settings=lambda wildcards: graph.payload(survey=SURVEY, ingest=S.ingest),
        rows=lambda wildcards: graph.rows_json(ROWS_OF_BATCH[wildcards.batch]),
        root=lambda wildcards: f"{RESULTS}/survey/tranche-{wildcards.batch.split('-')[0][1:]}" if SIMULATED else S.survey.root,
    log: f"{WORK}/logs/ingest/{{batch}}.log",
    resources:
        mem_mb=memory(3000),
        runtime=240,
    conda: ENVIRONMENT
    shell:
        "python -m pipeline.stages.ingest --survey {input.survey:q} --catalogue {output.catalogue:q}"
        " --images {output.images:q} --rows {params.rows:q} --root {params.root:q}"
        " --settings {params.settings:q} --work {params.work} --log {log:q}"
        " --time-limit {resources.runtime}"
