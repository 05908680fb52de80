"""The command `skysieve`: what a user does beside `snakemake`."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer
import yaml

from pipeline import graph
from pipeline.errors import PipelineError

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)


def _config(path: Path, *, paths_needed: bool = True):
    """Read and validate a configuration file; without need of its paths, unset environment variables stay in them."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        known = ", ".join(sorted(str(found) for found in Path("config").glob("*.yaml")))
        raise PipelineError("no such configuration file", where=path, allowed=known or None) from None
    except yaml.YAMLError as error:
        raise PipelineError("this configuration file is not YAML", where=path, value=error) from None
    return graph.load(content, unset_is_error=paths_needed)


def _run_folder(run: str) -> Path:
    folder = Path("results") / run
    if not folder.is_dir():
        known = ", ".join(sorted(path.name for path in Path("results").glob("*") if path.is_dir()))
        raise PipelineError(
            "no results of that run",
            where=folder,
            value=run,
            allowed=known or "(none yet)",
            next="snakemake --cores all",
        )
    return folder


@app.command()
def index(config: Annotated[Path, typer.Argument(help="configuration file of a run on a real survey")]):
    """List the shards of surveys on disk: writes results/RUN/[spectra/]shards.tsv, which Snakemake reads."""
    from pipeline.data.atomic import write_text
    from pipeline.surveys.index import shard_rows
    from pipeline.surveys.spectra_index import spectra_shard_rows

    settings = _config(config)
    results = Path("results") / settings.run
    halves = [(settings.survey, settings.ingest, results / "shards.tsv", shard_rows)]
    if settings.spectra:
        spectra = settings.spectra
        halves.append((spectra.survey, spectra.ingest, results / "spectra" / "shards.tsv", spectra_shard_rows))
    halves = [half for half in halves if half[0] is not None and half[0].kind != "simulated"]
    if not halves:
        raise PipelineError(
            "the shards of a simulated survey follow from its settings; there is nothing to index",
            where=config,
            next=f"snakemake --cores all --configfile {config}",
        )
    for survey, ingest, target, shards in halves:
        listed = graph.read_shards(target, str(config)) if target.is_file() else []
        rows, notes = shards(survey, ingest, listed)
        for note in notes:
            typer.echo(note)
        write_text(target, graph.shards_text(rows))
        typer.echo(f"{target}: {len(rows)} shards in {len({row.batch for row in rows})} batches")
    typer.echo(f"next: snakemake --cores all --configfile {config}")


@app.command()
def fetch(
    objects: Annotated[Path, typer.Argument(metavar="LIST", help="table of objects or positions, or URLs one a line")],
    what: Annotated[
        str | None,
        typer.Option(help="sdss-spectra, desi-coadds, legacy-sweeps, legacy-bricks or legacy-cutouts; URLs need none"),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="folder, which becomes the root of the archive's layout")] = None,
    release: Annotated[
        str | None, typer.Option(help="dr16 or dr17; edr or dr1; dr8, dr9 or dr10 (default: dr16, dr1, dr9)")
    ] = None,
    base: Annotated[str | None, typer.Option(help="URL of the root of the release, such as a mirror's")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="show the URLs and fetch nothing")] = False,
    wget: Annotated[Path | None, typer.Option(help="write the URLs to this file, for wget -i")] = None,
    connections: Annotated[int, typer.Option(min=1, max=16, help="at once")] = 2,
    per_second: Annotated[float, typer.Option(min=0.01, max=50, help="requests a second, of all connections")] = 4,
    full: Annotated[bool, typer.Option("--full", help="SDSS: full spectra, not lite")] = False,
    survey: Annotated[str | None, typer.Option(help="DESI, if not in LIST (default: main, sv3 of edr)")] = None,
    program: Annotated[str | None, typer.Option(help="DESI, if not in LIST (default: dark)")] = None,
    photo_z: Annotated[bool, typer.Option("--photo-z", help="sweeps: photometric redshifts, too")] = False,
    bands: Annotated[str, typer.Option(help="of bricks and cutouts")] = "grz",
    pixels: Annotated[int, typer.Option(min=1, max=3000, help="side of a cutout, 0.262 arcsec each")] = 152,
):
    """Fetch spectra, coadds, catalogues or images of a list of objects, in the archive's own layout."""
    from pipeline.data.atomic import write_text
    from pipeline.surveys.fetch.plan import make_plan, wget_text
    from pipeline.surveys.fetch.report import report_lines
    from pipeline.surveys.fetch.run import Limits
    from pipeline.surveys.fetch.run import fetch as run_fetch
    from pipeline.surveys.fetch.wanted import Choice

    choice = Choice(what, release, base, full, survey, program, photo_z, bands, pixels) if what else None
    plan = make_plan(objects, choice, base)
    if wget:
        write_text(wget, wget_text(plan))
        typer.echo(f"{wget}: next: wget -i {wget}")
    if dry_run:
        typer.echo(wget_text(plan), nl=False)
    elif out:
        for line in report_lines(run_fetch(plan, out, Limits(connections, per_second)), out):
            typer.echo(line)
    elif not wget:
        raise PipelineError("where to?", where="--out", allowed="a folder; or --dry-run, or --wget FILE")


@app.command()
def plan(
    config: Annotated[Path, typer.Argument(help="configuration file of a run")],
    objects: Annotated[int | None, typer.Option(min=1, help="for a survey of so many objects, not indexed yet")] = None,
    measured: Annotated[
        list[str] | None, typer.Option(help="finished run whose records give rates (default: all in work/)")
    ] = None,
    cpu: Annotated[bool, typer.Option("--cpu", help="networks run on cores, not on GPUs")] = False,
    json_file: Annotated[Path | None, typer.Option("--json", help="write the estimate to this file, too")] = None,
):
    """Estimate what a run costs: jobs, hours of GPUs, cores and nodes, bytes, files; and from which rates."""
    from pipeline.cluster import measured as records
    from pipeline.cluster.plan import make
    from pipeline.cluster.rates import Rates
    from pipeline.cluster.size import size_of
    from pipeline.data.atomic import write_text

    settings = _config(config, paths_needed=False)
    here = Path.cwd()
    rates = Rates([records.of_run(here, run) for run in measured or records.finished_runs(here)])
    size = size_of(settings, Path("results") / settings.run, str(config), objects, rates)
    estimated = make(settings, size, rates, gpus=not cpu)
    typer.echo(estimated.text())
    if json_file:
        write_text(json_file, json.dumps(estimated.plain(), indent=1) + "\n")


@app.command()
def status(run: Annotated[str | None, typer.Argument(help="name of a run (default: the last at work)")] = None):
    """Show what runs, waits and failed, and why; the last lines of a failed job's log; what to type next."""
    from pipeline.cluster.status import status_text

    typer.echo(status_text(Path.cwd(), run))


@app.command()
def search(
    run: Annotated[str, typer.Option(help="the run whose embeddings are searched")] = "demo",
    name: Annotated[str | None, typer.Option(help="designation or object id of the query")] = None,
    ra: Annotated[float | None, typer.Option(help="right ascension of the query, degrees")] = None,
    dec: Annotated[float | None, typer.Option(help="declination of the query, degrees")] = None,
    k: Annotated[int, typer.Option("-k", help="how many neighbours")] = 16,
    encoder: Annotated[str | None, typer.Option(help="which embeddings (default: the only ones)")] = None,
    png: Annotated[Path | None, typer.Option(help="write a picture of query and neighbours")] = None,
):
    """Show the objects whose embeddings are most similar to that of one object."""
    from pipeline.grading.mosaic import search_command

    for line in search_command(_run_folder(run), name=name, ra=ra, dec=dec, encoder=encoder, k=k, png=png):
        typer.echo(line)


Files = Annotated[list[Path], typer.Argument(help="spec, spPlate or DESI coadd files, or CSV; plain or gzip")]
Device = Annotated[str, typer.Option(help="cuda, cpu or auto")]


@app.command()
def redshift(
    files: Files,
    run: Annotated[str, typer.Option(help="the run whose estimators are used")] = "demo",
    model: Annotated[list[str] | None, typer.Option(help="estimator to show (default: all)")] = None,
    ecsv: Annotated[Path | None, typer.Option(help="write a table")] = None,
    png: Annotated[Path | None, typer.Option(help="picture of the spectra (default: redshifts.png)")] = None,
    device: Device = "auto",
):
    """Estimate the redshifts of spectra that belong to no run, with errors, flags and a picture."""
    from pipeline.apply.redshifts import redshift_command

    for line in redshift_command(_run_folder(run), files, models=model, device=device, ecsv=ecsv, png=png):
        typer.echo(line)


@app.command("evaluate-redshifts")
def evaluate_redshifts(
    run: Annotated[Path, typer.Option(help="results/RUN of a finished run")],
    spectra: Annotated[Path, typer.Option(help="folder of real spectra")],
    index: Annotated[str, typer.Option(help="CSV in that folder with trusted redshifts")] = "spectra_index.csv",
    half: Annotated[str | None, typer.Option(help="a or b: objects are dealt by a hash of their names")] = None,
    fine_tune: Annotated[bool, typer.Option("--fine-tune", help="also train on, in folds of objects")] = False,
    device: Device = "auto",
):
    """Judge the redshifts of a run by real spectra whose redshifts are known."""
    from pipeline.apply.evaluation import evaluate_command

    if half not in (None, "a", "b"):
        raise PipelineError("no such half", where="--half", value=half, allowed="a, b")
    for line in evaluate_command(run, spectra, index=index, half=half, tune=fine_tune, device=device):
        typer.echo(line)


@app.command("export-spectra")
def export_spectra(
    run: Annotated[str, typer.Argument(help="name of a run whose spectra are ingested")],
    fnet: Annotated[Path | None, typer.Option(help="HDF5 file to write, in the layout of FNet's")] = None,
    slides: Annotated[Path | None, typer.Option(help="folder for flux-LOW-HIGH.csv and zpipe-LOW-HIGH.csv")] = None,
    z: Annotated[tuple[float, float] | None, typer.Option(help="range of --slides (default: the sample's)")] = None,
    label: Annotated[str | None, typer.Option(help="z_pipe or z_vi, of --slides (default: the sample's)")] = None,
):
    """Write the spectra of a run as the matrices of the FNet paper (HDF5) or of the RNet slides (CSV)."""
    from pipeline.apply.export import LABELS, export_command

    if label not in (None, *LABELS):
        raise PipelineError("no such redshifts", where="--label", value=label, allowed=", ".join(LABELS))
    for line in export_command(_run_folder(run), fnet=fnet, slides=slides, z=z, label=label):
        typer.echo(line)


@app.command()
def check(run: Annotated[str, typer.Argument(help="name of a run")]):
    """Find shards that are missing or altered; remove their manifest, so that a run that needs it makes it anew."""
    from pipeline.data.manifests import faults, read_manifest

    folder = _run_folder(run)
    removed = []
    count = 0
    for path in sorted(folder.rglob("*.json")):
        try:
            read_manifest(path)
        except PipelineError:
            continue  # JSON that is no manifest
        count += 1
        found = faults(path)
        for fault in found:
            typer.echo(fault)
        if found:
            path.unlink()
            removed.append(str(path))
    typer.echo(f"{count} manifests checked, {len(removed)} removed" + (": run snakemake again" if removed else ""))
    if removed:  # Snakemake leaves out what no job needs that runs
        typer.echo("to have them even where no job needs them, add them to that command:\n  " + " ".join(removed))


@app.command()
def schema(write: Annotated[bool, typer.Option("--write", help="write config/schema.json")] = False):
    """Show the JSON schema of the settings."""
    from pipeline.settings.run import schema_text

    if write:
        Path("config/schema.json").write_text(schema_text(), encoding="utf-8")
    else:
        typer.echo(schema_text(), nl=False)


@app.command()
def results(
    run: Annotated[str, typer.Argument(help="name of a finished run")],
    out: Annotated[Path, typer.Option(help="Markdown file to write")],
    redshifts: Annotated[bool, typer.Option("--redshifts", help="the page of the spectra half")] = False,
):
    """Write the figures of a finished run as a page of the documentation, with the command and the commit."""
    from pipeline.release.redshift_results import write_redshift_page
    from pipeline.release.results_page import write_results_page

    (write_redshift_page if redshifts else write_results_page)(_run_folder(run), out)
    typer.echo(f"{out}")


@app.command()
def pictures(
    run: Annotated[str, typer.Argument(help="name of a finished run")],
    out: Annotated[Path, typer.Option(help="folder for the pictures")],
):
    """Draw the pictures of the README from a finished run."""
    from pipeline.release.pictures import write_pictures

    for path in write_pictures(_run_folder(run), out):
        typer.echo(path)


def main() -> None:
    """Run the command; a fault that the user can mend ends with status 2 and no traceback."""
    try:
        app()
    except PipelineError as error:
        sys.stderr.write(f"skysieve: {error}\n")
        raise SystemExit(2) from None


if __name__ == "__main__":
    main()
