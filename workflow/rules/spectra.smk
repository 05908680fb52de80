"""From raw spectra to shards, catalogue and sample.

INPUTS   the raw files that the settings name; for a simulated survey nothing: it writes its own
OUTPUTS  spectra/shards.tsv, survey/tranche-<t>/spectra/, truth/spectra-<t>.parquet (simulated),
         spectra/catalogue/<batch>.json, spectra/shards/<batch>.json, spectra/splits.parquet, spectra/sample.parquet
"""

if SPECTRA_SIMULATED:

    rule list_spectra:
        message: "Save the list of shards of spectra"
        output: f"{SPECTRA}/shards.tsv",
        params:
            *code("list_shards"),
            work=WORK,
            rows=graph.rows_json(SPECTRA_ROWS),
        log: f"{WORK}/logs/list_spectra.log",
        conda: ENVIRONMENT
        shell: "python -m pipeline.stages.list_shards --out {output:q} --rows {params.rows:q} --work {params.work} --log {log:q}"

    rule simulate_spectra_catalogue:
        message: "Simulated spectra of tranche {wildcards.tranche}: truth, catalogue of quasars"
        output:
            truth=f"{RESULTS}/truth/spectra-{{tranche}}.parquet",
            catalogue=f"{RESULTS}/survey/tranche-{{tranche}}/spectra/qso_catalogue.fits",
        params:
            *code("simulate_spectra_catalogue"),
            work=WORK,
            settings=lambda wildcards: graph.payload(survey=SPECTRA_SURVEY, seed=S.seed),
            rows=lambda wildcards: graph.rows_json(SPECTRA_OF_TRANCHE[int(wildcards.tranche)]),
        log: f"{WORK}/logs/simulate_spectra_catalogue/{{tranche}}.log",
        resources:
            mem_mb=memory(2000),
            runtime=60,
        conda: ENVIRONMENT
        shell:
            "python -m pipeline.stages.simulate_spectra_catalogue --truth {output.truth:q} --catalogue {output.catalogue:q}"
            " --tranche {wildcards.tranche} --rows {params.rows:q}"
            " --settings {params.settings:q} --work {params.work} --log {log:q}"

    rule simulate_spectra:
        message: "Simulated spectra {wildcards.batch}: plates and coadds"
        output: f"{RESULTS}/survey/{{batch}}.json",
        wildcard_constraints:
            batch=r"t\d+-s\d+",
        params:
            *code("simulate_spectra"),
            work=WORK,
            settings=lambda wildcards: graph.payload(survey=SPECTRA_SURVEY, seed=S.seed),
            rows=lambda wildcards: graph.rows_json(SPECTRA_OF_BATCH[wildcards.batch]),
        log: f"{WORK}/logs/simulate_spectra/{{batch}}.log",
        resources:
            mem_mb=memory(2000),
            runtime=240,
        conda: ENVIRONMENT
        shell:
            "python -m pipeline.stages.simulate_spectra --out {output:q} --rows {params.rows:q}"
            " --settings {params.settings:q} --work {params.work} --log {log:q}"


rule ingest_spectra:
    message: "Ingest {wildcards.batch}: catalogue and spectra on one grid"
    input:
        survey=f"{RESULTS}/survey/{{batch}}.json" if SPECTRA_SIMULATED else [],
        quasars=lambda wildcards: quasar_catalogue(wildcards.batch),
    output:
        catalogue=f"{SPECTRA}/catalogue/{{batch}}.json",
        shards=f"{SPECTRA}/shards/{{batch}}.json",
    params:
        *code("ingest_spectra"),
        work=WORK,
        settings=lambda wildcards: graph.payload(survey=SPECTRA_SURVEY, ingest=Q.ingest),
        rows=lambda wildcards: graph.rows_json(SPECTRA_OF_BATCH[wildcards.batch]),
    log: f"{WORK}/logs/ingest_spectra/{{batch}}.log",
    resources:
        mem_mb=memory(3000),
        runtime=240,
    conda: ENVIRONMENT
    shell:
        "python -m pipeline.stages.ingest_spectra --survey {input.survey:q} --quasars {input.quasars:q}"
        " --catalogue {output.catalogue:q} --shards {output.shards:q} --rows {params.rows:q}"
        " --settings {params.settings:q} --work {params.work} --log {log:q}"
        " --time-limit {resources.runtime}"


rule split_spectra:
    message: "Deal the sky cells to train, select, calibrate and judge"
    output: f"{SPECTRA}/splits.parquet",
    params:
        *code("splits"),
        work=WORK,
        settings=lambda wildcards: graph.payload(splits=Q.splits, seed=S.seed),
    log: f"{WORK}/logs/split_spectra.log",
    conda: ENVIRONMENT
    shell: "python -m pipeline.stages.splits --out {output:q} --settings {params.settings:q} --work {params.work} --log {log:q}"


rule sample_spectra:
    message: "Choose which spectra train, select, calibrate and judge"
    input:
        catalogue=spectra_dataset("catalogue", SPECTRA_SAMPLED),
        splits=f"{SPECTRA}/splits.parquet",
    output: f"{SPECTRA}/sample.parquet",
    params:
        *code("sample_spectra"),
        work=WORK,
        settings=lambda wildcards: graph.payload(sample=Q.sample, seed=S.seed),
    log: f"{WORK}/logs/sample_spectra.log",
    conda: ENVIRONMENT
    shell:
        "python -m pipeline.stages.sample_spectra --catalogue {input.catalogue:q} --splits {input.splits:q}"
        " --out {output:q} --settings {params.settings:q} --work {params.work} --log {log:q}"
