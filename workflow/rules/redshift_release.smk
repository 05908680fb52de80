"""From redshifts to the published catalogue, its figures and its report; and what the spectra half consists of.

INPUTS   spectra/redshifts/, spectra/catalogue/, spectra/shards/, spectra/sample.parquet, spectra/models/,
         spectra/assessment/
OUTPUTS  release/redshifts/{quasar_redshifts.{fits,ecsv,vot,parquet},counts.json,figures/*.png,report.html,summary.json}
"""

REDSHIFTS = f"{RESULTS}/release/redshifts"
REDSHIFT_TABLES = ("fits", "ecsv", "vot", "parquet")
LINE_FINDERS = [name for name, one in Q.estimators.items() if one.kind.endswith("quasarnet")]
# Figure -> the group under which `snakemake --report` lists it, and whether this run has what it is drawn from.
REDSHIFT_FIGURES = {
    "redshifts": ("Redshifts", True),
    "against_reference": ("Accuracy", True),
    "velocity_curve": ("Accuracy", True),
    "accuracy": ("Accuracy", True),
    "flagged": ("Accuracy", True),
    "line_finder_fails": ("Failures", LINE_FINDERS),
    "failed_spectra": ("Failures", LINE_FINDERS),
    "wrong_redshifts": ("Failures", True),
    "line_confusions": ("Failures", True),
    "outliers": ("Failures", True),
    "pulls": ("Calibration", True),
    "failure_probability": ("Calibration", True),
    "masked_spectrum": ("Experiments", Q.masked_lines),
    "masked_velocity": ("Experiments", Q.masked_lines),
    "optimisers": ("Experiments", Q.sweeps and Q.sweeps.optimisers),
    "choices": ("Experiments", Q.sweeps and (Q.sweeps.kernels or Q.sweeps.blocks or Q.sweeps.weight_decays)),
    "network_training": ("Training", NETWORKS),
    "eigenspectra": ("Training", SCANS),
}
# Stages whose code shapes the published table.
REDSHIFT_STAGES = (
    "ingest_spectra", "splits", "sample_spectra", "train_redshift", "fit_templates", "redshift", "calibrate_redshifts",
    "combine_redshifts", "release_redshifts", *(("import_redshift",) if GIVEN_NETWORKS else ()),
    *(("simulate_spectra_catalogue", "simulate_spectra") if SPECTRA_SIMULATED else ()),
)  # fmt: skip


REDSHIFTS_RELEASED = []
if Q.release:
    REDSHIFTS_SHOWN = [name for name, (_, there) in REDSHIFT_FIGURES.items() if there]
    REDSHIFTS_RELEASED = [f"{REDSHIFTS}/report.html", f"{REDSHIFTS}/summary.json"]
    SUMMARIES.append(f"{REDSHIFTS}/summary.json")
    MEASURED = {
        "counts": f"{REDSHIFTS}/counts.json",
        "assessment": f"{SPECTRA}/assessment/redshifts.json",
        "masked": redshift_assessment("masked_lines", Q.masked_lines),
        "sweeps": redshift_assessment("sweeps", Q.sweeps),
    }

    rule release_redshifts:
        message: "Publish the redshifts"
        input:
            combined=spectra_dataset("redshifts/combined"),
            catalogue=spectra_dataset("catalogue"),
            sample=f"{SPECTRA}/sample.parquet",
        output:
            **{name: f"{REDSHIFTS}/quasar_redshifts.{name}" for name in REDSHIFT_TABLES},
            counts=f"{REDSHIFTS}/counts.json",
        params:
            *code("release_redshifts"),
            work=WORK,
            settings=lambda wildcards: graph.payload(
                release=Q.release, simulated=SPECTRA_SIMULATED, object_arcsec=Q.sample.object_arcsec
            ),
            run=RUN,
            survey=Q.survey.kind,
            digest=short_digest(graph.payload(seed=S.seed, **graph.without_execution(Q.plain()))),
            digest_of_code=redshift_code_digest(),
        log: f"{WORK}/logs/release_redshifts.log",
        resources:
            mem_mb=memory(8000),
        conda: ENVIRONMENT
        shell:
            "python -m pipeline.stages.release_redshifts --combined {input.combined:q} --catalogue {input.catalogue:q}"
            " --sample {input.sample:q} --fits {output.fits:q} --ecsv {output.ecsv:q} --vot {output.vot:q}"
            " --parquet {output.parquet:q} --counts {output.counts:q} --run {params.run} --survey {params.survey}"
            " --digest {params.digest} --code {params.digest_of_code}"
            " --settings {params.settings:q} --work {params.work} --log {log:q}"

    rule redshift_figures:
        message: "Draw the figures of the redshifts"
        input:
            **MEASURED,
            velocity=f"{SPECTRA}/assessment/velocity.ecsv",
            shards=spectra_dataset("shards"),
            candidates=redshifts_of(spectra_dataset("shards")),
            histories=[f"{SPECTRA}/models/{name}/history.csv" for name in NETWORKS],
            templates=[f"{SPECTRA}/models/{name}/weights.pt" for name in SCANS],
        output:
            captions=f"{REDSHIFTS}/figures/captions.json",
            **{
                name: report(
                    f"{REDSHIFTS}/figures/{name}.png",
                    caption=f"../report/redshifts/{name}.rst",
                    category="Quasar redshifts",
                    subcategory=REDSHIFT_FIGURES[name][0],
                    labels={"figure": name.replace("_", " ")},
                )
                for name in REDSHIFTS_SHOWN
            },
        params:
            *code("redshift_figures"),
            work=WORK,
            settings=lambda wildcards: graph.payload(gallery=Q.release.gallery, names=list(Q.estimators)),
            figures=lambda wildcards, output: " ".join(
                f"--{name.replace('_', '-')} {REDSHIFTS}/figures/{name}.png" for name in REDSHIFTS_SHOWN
            ),
        log: f"{WORK}/logs/redshift_figures.log",
        resources:
            mem_mb=memory(4000),
        conda: ENVIRONMENT
        shell:
            "python -m pipeline.stages.redshift_figures"
            " --counts {input.counts:q} --assessment {input.assessment:q} --masked {input.masked:q}"
            " --sweeps {input.sweeps:q} --velocity {input.velocity:q} --shards {input.shards:q}"
            " --candidates {input.candidates:q} --histories {input.histories:q} --templates {input.templates:q}"
            " --captions {output.captions:q} {params.figures}"
            " --settings {params.settings:q} --work {params.work} --log {log:q}"

    rule redshift_report:
        message: "Write the report of the redshifts"
        input:
            **MEASURED,
            table=f"{REDSHIFTS}/quasar_redshifts.parquet",
            figures=[f"{REDSHIFTS}/figures/{name}.png" for name in REDSHIFTS_SHOWN],
            captions=f"{REDSHIFTS}/figures/captions.json",
        output:
            report=report(
                f"{REDSHIFTS}/report.html",
                caption="../report/redshifts/report.rst",
                category="Quasar redshifts",
                subcategory="Report",
            ),
            summary=f"{REDSHIFTS}/summary.json",
        params:
            *code("redshift_report"),
            work=WORK,
            where=graph.payload(paths=[f"{REDSHIFTS}/quasar_redshifts.fits"]),
        log: f"{WORK}/logs/redshift_report.log",
        conda: ENVIRONMENT
        shell:
            "python -m pipeline.stages.redshift_report"
            " --table {input.table:q} --counts {input.counts:q} --assessment {input.assessment:q}"
            " --masked {input.masked:q} --sweeps {input.sweeps:q} --figures {input.figures:q}"
            " --captions {input.captions:q} --report {output.report:q} --summary {output.summary:q}"
            " --where {params.where:q} --work {params.work} --log {log:q}"


rule redshifts:
    message: "The spectra half of the run"
    input:
        f"{RESULTS}/settings.yaml",
        [f"{SPECTRA}/shards.tsv"] if SPECTRA_SIMULATED else [],
        f"{SPECTRA}/assessment/redshifts.json",
        redshift_assessment("masked_lines", Q.masked_lines),
        redshift_assessment("sweeps", Q.sweeps),
        REDSHIFTS_RELEASED,
