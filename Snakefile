"""skysieve: rare objects in sky surveys, from raw survey files to a graded catalogue.

snakemake --cores 2                                  the run that profiles/default names (the demo)
snakemake --cores 2 --configfile config/NAME.yaml    another run
snakemake -n                                         what would run, and why
"""

include: "workflow/rules/common.smk"  # settings and names

WAITING = None  # the round of grading that waits for people

if S.survey:  # images -> lens candidates

    include: "workflow/rules/images.smk"  # names of files, list of shards
    include: "workflow/rules/survey.smk"  # raw files -> shards and catalogue
    include: "workflow/rules/labels.smk"  # known objects -> labels, splits, sample, leak audit
    include: "workflow/rules/encoders.smk"  # shards -> encoders -> embeddings
    include: "workflow/rules/search.smk"  # embeddings -> neighbours
    include: "workflow/rules/models.smk"  # probe and finders -> scores
    include: "workflow/rules/assess.smk"  # how good is each model
    include: "workflow/rules/grading.smk"  # ranking -> batches for people -> grades
    include: "workflow/rules/release.smk"  # grades -> catalogue, figures, report

if S.spectra:  # spectra -> redshifts

    include: "workflow/rules/redshift_names.smk"  # names of files, list of shards
    include: "workflow/rules/spectra.smk"  # raw files -> shards, catalogue, sample
    include: "workflow/rules/redshifts.smk"  # shards -> estimators -> redshifts -> assessment
    include: "workflow/rules/redshift_release.smk"  # redshifts -> catalogue, figures, report

include: "workflow/rules/run.smk"  # settings of the run, entrance to its release


rule all:
    default_target: True
    input:
        rules.lenses.input if S.survey else [],
        rules.redshifts.input if S.spectra else [],
        rules.release_index.output if SUMMARIES else [],


onstart:
    graph.freeze_code(Path(WORK))


onsuccess:
    shell("python -m pipeline.stages._closing --results {RESULTS} " + (waiting_arguments() if WAITING else ""))


onerror:
    for error in graph.errors_of_this_run(Path(WORK)):
        print(f"\n{error}", file=sys.stderr)
    print("\nThe run did not end. What is finished stays finished.", file=sys.stderr)
    print("After mending the cause, run the same command again (after a kill: snakemake --unlock first).", file=sys.stderr)
