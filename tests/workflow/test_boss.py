"""The graphs of the spectra half over the settings of the FNet paper and of the RNet slides, without any data."""

import re
import shlex

import pytest
import stand_ins

# Linux (execve): 32 pages for one argument, and for all of them a quarter of the stack's limit, usually of 8 MiB.
ARGUMENT, ARGUMENTS = 32 * 4096, 2 * 1024**2
# The spectra of the paper (§2) and of the slides, 2000 a shard; 5 shards and 1 shard a batch.
SHARDS, BATCHES = {stand_ins.FNET: 164, stand_ins.RNET: 6}, {stand_ins.FNET: 33, stand_ins.RNET: 6}
ESTIMATORS = {stand_ins.FNET: ("fnet", "quasarnet", "pca"), stand_ins.RNET: ("rnet",)}
# Jobs of the whole run beside those of a batch, and beside one for each network.
OF_RUN = {"redshifts", "write_settings", "split_spectra", "sample_spectra", "calibrate_redshifts",
          "assess_redshifts", "release_redshifts", "redshift_figures", "redshift_report"}  # fmt: skip
ALSO = {stand_ins.FNET: {"fit_templates", "masked_lines", "redshift_sweeps"}, stand_ins.RNET: {"masked_lines"}}


@pytest.fixture(scope="module", params=SHARDS)
def dry_run(request, new_project):
    """The configuration, its project, and what the dry run says."""
    project = new_project("boss")
    name = project.stand_in_spectra(request.param, SHARDS[request.param])
    return name, project, project.run("redshifts", "--configfile", name, "--profile", "slurm", "-n", "-p")


def test_all_that_the_redshifts_need_would_run_and_nothing_of_images(dry_run):
    name, _, text = dry_run
    table = re.search(r"Job stats:\njob +count\n[- ]+\n(.*?)\ntotal", text, re.S).group(1)
    jobs = {rule: int(count) for rule, count in map(str.split, table.splitlines())}
    assert jobs.pop("ingest_spectra") == jobs.pop("combine_redshifts") == BATCHES[name]
    assert jobs.pop("redshift") == BATCHES[name] * len(ESTIMATORS[name])
    assert jobs.pop("train_redshift") == len(set(ESTIMATORS[name]) - {"pca"})
    assert jobs == dict.fromkeys(OF_RUN | ALSO[name], 1)


def test_no_command_line_is_too_long(dry_run):
    name, _, text = dry_run
    commands = {}
    for command, stage in re.findall(r"(python -m pipeline\.stages\.(\w+) .*)", text):
        commands[stage] = max(commands.get(stage, ""), command, key=len)
    assert {"ingest_spectra", "calibrate_redshifts", "redshift"} < commands.keys()
    for stage, command in commands.items():
        assert max(map(len, shlex.split(command))) < ARGUMENT and len(command) < ARGUMENTS / 2, stage


def test_the_table_of_quasars_is_an_input_where_there_is_one(dry_run):
    name, project, text = dry_run
    table = project.folder / "sas/dr16/eboss/qso/DR16Q/DR16Q_v4.fits"
    assert table.is_file() == (name == stand_ins.FNET) == (f"--quasars {table}" in text)


def test_an_archive_that_is_not_named_is_said(dry_run):
    name, project, _ = dry_run
    environment = project.environment
    project.environment = {key: value for key, value in environment.items() if key != "SAS_BASE_DIR"}
    done = project.call("-n", "--configfile", name)
    project.environment = environment
    assert done.returncode and "export SAS_BASE_DIR" in done.stdout + done.stderr
