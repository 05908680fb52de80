"""Simulate the raw files of a batch of areas: sweeps, photometric redshifts and coadd bricks in the formats of DR9.

INPUTS   none
OUTPUTS  out, the manifest of the batch. The files lie beside it in tranche-<t>/, which is the root of a survey; the
         manifest names each of them.
"""

from pathlib import Path

from pipeline.data.atomic import remove_stale_temporaries
from pipeline.settings.simulation import Simulated
from pipeline.simulate import dr9, layout, observe, writers
from pipeline.simulate.conditions import BANDS
from pipeline.stages._door import Job, door
from pipeline.stages._simulated import make_shards

_INVVAR_STEPS = 32  # inverse variance is rounded that much finer than the image, in units of its own middle value


def run(job: Job) -> None:
    """Make the shards of the batch that are not finished, then its manifest."""
    settings, seed = Simulated.parse(job.settings["survey"]), int(job.settings["seed"])
    make_shards(job, "survey", lambda row, folder: _make(job, settings, seed, row, folder))


def _make(job: Job, settings: Simulated, seed: int, row: dict, folder: Path) -> tuple[int, list[str]]:
    """Write the files of an area; return its number of sources, and their names below the folder."""
    below = Path(f"tranche-{row['tranche']}")
    root, region, place = folder / below, row["region"], layout.corner(row["sources"])
    sweeps, photoz, files = [], [], []
    bricks = observe.observations(settings, seed, row["tranche"], region, *place)
    for seen in job.log.progress(bricks, total=settings.bricks_per_tile, unit="bricks", desc=row["shard"]):
        sweeps.append(seen.catalogue.sweep)
        photoz.append(seen.catalogue.photoz)
        files += _write_coadds(root, seen, settings, seed)
    tables = (
        (writers.sweep_path(region, *place), dr9.SWEEP, sweeps, "SWEEP"),
        (writers.photoz_path(region, *place), dr9.PHOTO_Z, photoz, "PHOTO-Z"),
    )
    for name, columns, parts, extension in tables:
        remove_stale_temporaries(root / name)
        writers.write_table(root / name, columns, dr9.concatenate(columns, parts), extension)
        files.append(name)
    return sum(len(sweep["RA"]) for sweep in sweeps), [str(below / name) for name in files]


def _write_coadds(root: Path, seen: observe.Observation, settings: Simulated, seed: int) -> list[str]:
    """Write the six coadds of a brick and return their paths below the survey's root."""
    image, invvar = seen.coadds(settings, seed)
    brick, region, files = seen.brick, seen.conditions.region, []
    for k, band in enumerate(BANDS):
        noise = float(seen.conditions.noise[k])
        steps = settings.compression_step * noise, settings.compression_step / _INVVAR_STEPS / noise**2
        for j, (what, pixels) in enumerate((("image", image[k]), ("invvar", invvar[k]))):
            name = writers.coadd_path(region, brick.name, what, band)
            remove_stale_temporaries(root / name)
            header = writers.coadd_header(brick, region, band, what)
            dither = 1 + (6 * brick.number + 2 * k + j) % 10000
            writers.write_coadd(root / name, pixels, header, steps[j], dither)
            files.append(name)
    return files


def main(argv=None) -> int:
    """Run the stage."""
    return door("simulate_survey", run, argv, outputs=("out",), values=("rows",))


if __name__ == "__main__":
    raise SystemExit(main())
