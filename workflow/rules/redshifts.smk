"""From shards of spectra to redshifts.

INPUTS   spectra/shards/<batch>.json, spectra/catalogue/<batch>.json, spectra/sample.parquet, truth (assessment only)
OUTPUTS  spectra/models/<estimator>/{weights.pt,history.csv}, spectra/redshifts/<estimator>/<batch>.json,
         spectra/redshift_calibration.json, spectra/redshifts/combined/<batch>.json, spectra/assessment/
"""

wildcard_constraints:
    estimator=r"[A-Za-z0-9_]+",


rule train_redshift:
    message: "Train {wildcards.estimator} on the redshifts of the sample"
    input:
        shards=spectra_dataset("shards", SPECTRA_SAMPLED),
        sample=f"{SPECTRA}/sample.parquet",
    output:
        weights=f"{ESTIMATOR}/weights.pt",
        history=f"{ESTIMATOR}/history.csv",
    wildcard_constraints:
        estimator=one_of(NETWORKS),
    params:
        work=WORK,
        settings=lambda wildcards: graph.payload(estimator=Q.estimators[wildcards.estimator], seed=S.seed),
        code=lambda wildcards: estimator_code("train_redshift", wildcards.estimator),
        module=lambda wildcards: estimator_module(wildcards.estimator),
    log: f"{WORK}/logs/train_redshift/{{estimator}}.log",
    threads: max([Q.estimators[name].training.threads for name in NETWORKS], default=1)
    resources:
        device=S.device,
        launcher="",
        gpu=GPU,
        mem_mb=memory(6000),
        runtime=1440,
    conda: ENVIRONMENT
    shell:
        "{resources.launcher} python -m pipeline.stages.train_redshift --shards {input.shards:q} --sample {input.sample:q}"
        " --weights {output.weights:q} --history {output.history:q} --name {wildcards.estimator}"
        " --settings {params.settings:q} --also {params.module} --work {params.work} --log {log:q}"
        " --device {resources.device} --time-limit {resources.runtime}"


rule import_redshift:
    message: "Take over the published weights of {wildcards.estimator}"
    input:
        published=lambda wildcards: Q.estimators[wildcards.estimator].path,
    output:
        weights=f"{ESTIMATOR}/weights.pt",
    wildcard_constraints:
        estimator=one_of(GIVEN_NETWORKS),
    params:
        *code("import_redshift"),
        work=WORK,
    log: f"{WORK}/logs/import_redshift/{{estimator}}.log",
    conda: ENVIRONMENT
    shell:
        "python -m pipeline.stages.import_redshift --published {input.published:q} --weights {output.weights:q}"
        " --work {params.work} --log {log:q}"


rule fit_templates:
    message: "Learn the eigenspectra of {wildcards.estimator}"
    input:
        shards=spectra_dataset("shards", SPECTRA_SAMPLED),
        sample=f"{SPECTRA}/sample.parquet",
        templates=lambda wildcards: published_templates(wildcards.estimator),
    output:
        weights=f"{ESTIMATOR}/weights.pt",
        history=f"{ESTIMATOR}/history.csv",
    wildcard_constraints:
        estimator=one_of(SCANS),
    params:
        *code("fit_templates"),
        work=WORK,
        settings=lambda wildcards: graph.payload(estimator=Q.estimators[wildcards.estimator]),
    log: f"{WORK}/logs/fit_templates/{{estimator}}.log",
    threads: max([Q.estimators[name].threads for name in SCANS], default=1)
    resources:
        mem_mb=memory(6000),
        runtime=240,
    conda: ENVIRONMENT
    shell:
        "python -m pipeline.stages.fit_templates --shards {input.shards:q} --sample {input.sample:q}"
        " --templates {input.templates:q} --weights {output.weights:q} --history {output.history:q}"
        " --name {wildcards.estimator} --settings {params.settings:q} --work {params.work} --log {log:q}"


rule redshift:
    message: "Redshifts of {wildcards.batch} by {wildcards.estimator}"
    input:
        shards=f"{SPECTRA}/shards/{{batch}}.json",
        weights=f"{ESTIMATOR}/weights.pt",
    output: f"{SPECTRA}/redshifts/{{estimator}}/{{batch}}.json",
    wildcard_constraints:
        estimator=one_of(list(Q.estimators)),
    params:
        work=WORK,
        settings=lambda wildcards: graph.payload(estimator=Q.estimators[wildcards.estimator].scoring),
        code=lambda wildcards: estimator_code("redshift", wildcards.estimator),
        module=lambda wildcards: estimator_module(wildcards.estimator),
    log: f"{WORK}/logs/redshift/{{estimator}}-{{batch}}.log",
    threads: max(one.scoring.threads for one in Q.estimators.values())
    resources:
        device=S.device,
        launcher="",
        gpu=GPU,
        mem_mb=memory(4000),
        runtime=240,
    conda: ENVIRONMENT
    shell:
        "{resources.launcher} python -m pipeline.stages.redshift --shards {input.shards:q} --weights {input.weights:q}"
        " --out {output:q} --name {wildcards.estimator} --settings {params.settings:q} --also {params.module}"
        " --work {params.work} --log {log:q} --device {resources.device} --time-limit {resources.runtime}"


rule calibrate_redshifts:
    message: "Calibrate the redshifts, and fit the rule that combines them"
    input:
        redshifts=redshifts_of(spectra_dataset("shards", SPECTRA_SAMPLED)),
        catalogue=spectra_dataset("catalogue", SPECTRA_SAMPLED),
        sample=f"{SPECTRA}/sample.parquet",
    output: f"{SPECTRA}/redshift_calibration.json",
    params:
        *code("calibrate_redshifts"),
        work=WORK,
        settings=lambda wildcards: graph.payload(calibrate=Q.calibrate),
        names=",".join(Q.estimators),
    log: f"{WORK}/logs/calibrate_redshifts.log",
    conda: ENVIRONMENT
    shell:
        "python -m pipeline.stages.calibrate_redshifts --redshifts {input.redshifts:q} --catalogue {input.catalogue:q}"
        " --sample {input.sample:q} --out {output:q} --names {params.names}"
        " --settings {params.settings:q} --work {params.work} --log {log:q}"


rule combine_redshifts:
    message: "Combine the redshifts of {wildcards.batch}"
    input:
        redshifts=lambda wildcards: redshifts_of([f"{wildcards.batch}.json"]),
        catalogue=f"{SPECTRA}/catalogue/{{batch}}.json",
        calibration=f"{SPECTRA}/redshift_calibration.json",
    output: f"{SPECTRA}/redshifts/combined/{{batch}}.json",
    params:
        *code("combine_redshifts"),
        work=WORK,
    log: f"{WORK}/logs/combine_redshifts/{{batch}}.log",
    resources:
        runtime=60,
    conda: ENVIRONMENT
    shell:
        "python -m pipeline.stages.combine_redshifts --redshifts {input.redshifts:q} --catalogue {input.catalogue:q}"
        " --calibration {input.calibration:q} --out {output:q} --work {params.work} --log {log:q}"
        " --time-limit {resources.runtime}"


rule assess_redshifts:
    message: "How good are the redshifts"
    input:
        combined=spectra_dataset("redshifts/combined"),
        catalogue=spectra_dataset("catalogue"),
        sample=f"{SPECTRA}/sample.parquet",
        truth=[f"{RESULTS}/truth/spectra-{tranche}.parquet" for tranche in SPECTRA_TRANCHES] if SPECTRA_SIMULATED else [],
    output:
        out=f"{SPECTRA}/assessment/redshifts.json",
        velocity=f"{SPECTRA}/assessment/velocity.ecsv",
    params:
        *code("assess_redshifts"),
        work=WORK,
        settings=lambda wildcards: graph.payload(assess=Q.assess, seed=S.seed, simulated=SPECTRA_SIMULATED),
    log: f"{WORK}/logs/assess_redshifts.log",
    conda: ENVIRONMENT
    shell:
        "python -m pipeline.stages.assess_redshifts --combined {input.combined:q} --catalogue {input.catalogue:q}"
        " --sample {input.sample:q} --truth {input.truth:q} --out {output.out:q} --velocity {output.velocity:q}"
        " --settings {params.settings:q} --work {params.work} --log {log:q}"


if Q.masked_lines:

    MASKED_KINDS = sorted({f"learn.estimators.{one.kind}" for one in Q.masked_lines.networks.values()})

    rule masked_lines:
        message: "Redshifts of quasars whose strong lines are removed"
        input:
            shards=spectra_dataset("shards", SPECTRA_SAMPLED),
            sample=f"{SPECTRA}/sample.parquet",
        output: f"{SPECTRA}/assessment/masked_lines.json",
        params:
            *code("masked_lines", *MASKED_KINDS),
            work=WORK,
            settings=lambda wildcards: graph.payload(masked_lines=Q.masked_lines, seed=S.seed),
            modules=" ".join(MASKED_KINDS),
        log: f"{WORK}/logs/masked_lines.log",
        resources:
            device=S.device,
            gpu=GPU,
            mem_mb=memory(4000),
            runtime=720,
        conda: ENVIRONMENT
        shell:
            "python -m pipeline.stages.masked_lines --shards {input.shards:q} --sample {input.sample:q} --out {output:q}"
            " --settings {params.settings:q} --also {params.modules} --work {params.work} --log {log:q}"
            " --device {resources.device} --time-limit {resources.runtime}"


if Q.sweeps:

    rule redshift_sweeps:
        message: "FNet with other optimisers, kernels, depths and penalties"
        input:
            shards=spectra_dataset("shards", SPECTRA_SAMPLED),
            sample=f"{SPECTRA}/sample.parquet",
        output: f"{SPECTRA}/assessment/sweeps.json",
        params:
            *code("redshift_sweeps"),
            work=WORK,
            settings=lambda wildcards: graph.payload(sweeps=Q.sweeps, seed=S.seed),
        log: f"{WORK}/logs/redshift_sweeps.log",
        resources:
            device=S.device,
            gpu=GPU,
            mem_mb=memory(4000),
            runtime=1440,
        conda: ENVIRONMENT
        shell:
            "python -m pipeline.stages.redshift_sweeps --shards {input.shards:q} --sample {input.sample:q} --out {output:q}"
            " --settings {params.settings:q} --work {params.work} --log {log:q} --device {resources.device}"
            " --time-limit {resources.runtime}"
