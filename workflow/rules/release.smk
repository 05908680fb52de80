"""From grades to the published catalogue, its figures and its report; and what a whole run consists of.

INPUTS   candidates and grades of the rounds, images/catalogue/, images/shards/, assessments, neighbours, histories
OUTPUTS  release/lenses/{lens_candidates.{fits,ecsv,vot,parquet,reg},footprint.fits,counts.json,
         figures/*.png,report.html,summary.json}
"""

LENSES = f"{RESULTS}/release/lenses"
TABLES = ("fits", "ecsv", "vot", "parquet")
# Figure -> the group under which `snakemake --report` lists it.
FIGURE_GROUPS = {
    "sky": "Candidates",
    "distributions": "Candidates",
    "depth": "Candidates",
    "gallery_a": "Galleries",
    "gallery_b": "Galleries",
    "gallery_c": "Galleries",
    "searches": "Galleries",
    "overlap": "Candidates",
    "known": "Known lenses",
    "roc": "Models",
    "precision_recall": "Models",
    "inspected": "Models",
    "scores": "Models",
    "completeness": "Models",
    "reliability": "Models",
    "comparison": "Models",
    "training_ratios": "Training",
    "training": "Training",
    "survey": "Survey",
}
LAST = max(GRADED, default=0)
# Stages whose code shapes the published table.
TABLE_STAGES = (
    "ingest", "splits", "labels", "sample", "fit_augmentation", "pretrain", "init_encoder", "embed", "similarity",
    "train_probe", "score_probe", "train_finder", "score_finder", "calibrate", "rank", "grading_batch", "import_grades",
    "release_lenses", *(("simulate_catalogues", "simulate_survey", "simulated_grades") if SIMULATED else ()),
)  # fmt: skip


RELEASED = []
if S.release and GRADED:
    SHOWN = [
        name
        for name in FIGURE_GROUPS
        if (name != "comparison" or S.assess.comparison)
        and (name != "training_ratios" or S.assess.training_ratios)
        and (name != "survey" or (S.assess.survey and SIMULATED))
        and (name != "searches" or S.searches)
    ]
    RELEASED = [f"{LENSES}/report.html", f"{LENSES}/summary.json"]
    SUMMARIES.append(f"{LENSES}/summary.json")
    OF_MODELS = [f"{IMAGES}/round-{LAST}/assessment/{model}.json" for model in S.models]
    ASSESSED = {
        "table": f"{LENSES}/lens_candidates.parquet",
        "counts": f"{LENSES}/counts.json",
        "assessments": OF_MODELS,
        "differences": assessment("comparison", S.assess.comparison),
        "survey_check": assessment("survey", S.assess.survey and SIMULATED),
        "audit": f"{IMAGES}/round-{LAST}/assessment/candidates.json",
    }

    rule release_lenses:
        message: "Publish the graded lens candidates"
        input:
            candidates=of_graded("candidates.ecsv"),
            grades=of_graded("grades.ecsv"),
            catalogue=dataset("catalogue"),
            specz=specz_tables(),
        output:
            **{name: f"{LENSES}/lens_candidates.{name}" for name in TABLES},
            regions=f"{LENSES}/lens_candidates.reg",
            footprint=f"{LENSES}/footprint.fits",
            counts=f"{LENSES}/counts.json",
        params:
            *code("release_lenses"),
            work=WORK,
            settings=lambda wildcards: graph.payload(
                release=S.release,
                simulated=SIMULATED,
                system_arcsec=S.rank.system_arcsec,
                confidence=S.assess.judged.confidence,
            ),
            run=RUN,
            survey=S.survey.kind,
            digest=short_digest(graph.payload(**graph.without_execution(S.image_half()))),
            digest_of_code=code_digest(),
        log: f"{WORK}/logs/release_lenses.log",
        resources:
            mem_mb=memory(4000),
        conda: ENVIRONMENT
        shell:
            "python -m pipeline.stages.release_lenses --candidates {input.candidates:q} --grades {input.grades:q}"
            " --catalogue {input.catalogue:q} --specz {input.specz:q} --fits {output.fits:q} --ecsv {output.ecsv:q}"
            " --vot {output.vot:q} --parquet {output.parquet:q} --regions {output.regions:q}"
            " --footprint {output.footprint:q} --counts {output.counts:q} --run {params.run} --survey {params.survey}"
            " --digest {params.digest} --code {params.digest_of_code}"
            " --settings {params.settings:q} --work {params.work} --log {log:q}"

    rule lens_figures:
        message: "Draw the figures of the lens candidates"
        input:
            **ASSESSED,
            ratios=assessment("training_ratios", S.assess.training_ratios),
            candidates=f"{IMAGES}/round-{LAST}/candidates.ecsv",
            neighbours=[f"{IMAGES}/neighbours/{encoder}/manifest.json" for encoder in searched_encoders()],
            catalogue=dataset("catalogue"),
            images=dataset("shards"),
            histories=histories(LAST),
        output:
            captions=f"{LENSES}/figures/captions.json",
            **{
                name: report(
                    f"{LENSES}/figures/{name}.png",
                    caption=f"../report/{name}.rst",
                    category="Lens candidates",
                    subcategory=FIGURE_GROUPS[name],
                    labels={"figure": name.replace("_", " ")},
                )
                for name in SHOWN
            },
        params:
            *code("lens_figures"),
            work=WORK,
            settings=lambda wildcards: graph.payload(gallery=S.release.gallery, models=list(S.models)),
            figures=lambda wildcards, output: " ".join(
                f"--{name.replace('_', '-')} {LENSES}/figures/{name}.png" for name in SHOWN
            ),
        log: f"{WORK}/logs/lens_figures.log",
        resources:
            mem_mb=memory(4000),
        conda: ENVIRONMENT
        shell:
            "python -m pipeline.stages.lens_figures"
            " --table {input.table:q} --counts {input.counts:q} --assessments {input.assessments:q}"
            " --differences {input.differences:q} --survey-check {input.survey_check:q}"
            " --audit {input.audit:q}"
            " --ratios {input.ratios:q}"
            " --candidates {input.candidates:q} --neighbours {input.neighbours:q} --catalogue {input.catalogue:q}"
            " --images {input.images:q} --histories {input.histories:q} --captions {output.captions:q} {params.figures}"
            " --settings {params.settings:q} --work {params.work} --log {log:q}"

    rule lens_report:
        message: "Write the report of the lens candidates"
        input:
            **ASSESSED,
            leak_audit=f"{IMAGES}/leak_audit.json",
            figures=[f"{LENSES}/figures/{name}.png" for name in SHOWN],
            captions=f"{LENSES}/figures/captions.json",
        output:
            report=report(
                f"{LENSES}/report.html", caption="../report/report.rst", category="Lens candidates", subcategory="Report"
            ),
            summary=f"{LENSES}/summary.json",
        params:
            *code("lens_report"),
            work=WORK,
            settings=lambda wildcards: graph.payload(models=list(S.models)),
            where=lambda wildcards: graph.payload(paths=[f"{LENSES}/lens_candidates.fits"]),
        log: f"{WORK}/logs/lens_report.log",
        conda: ENVIRONMENT
        shell:
            "python -m pipeline.stages.lens_report"
            " --table {input.table:q} --counts {input.counts:q} --assessments {input.assessments:q}"
            " --differences {input.differences:q} --survey-check {input.survey_check:q}"
            " --audit {input.audit:q}"
            " --leak-audit {input.leak_audit:q} --figures {input.figures:q} --captions {input.captions:q}"
            " --report {output.report:q} --summary {output.summary:q} --where {params.where:q}"
            " --settings {params.settings:q} --work {params.work} --log {log:q}"

rule lenses:
    message: "The lens half of the run"
    input:
        RELEASED,
        whole_run(),
