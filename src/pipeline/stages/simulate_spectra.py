"""Simulate the raw spectra of a batch of plates and pixels, in the file formats of SDSS, BOSS and DESI.

INPUTS   none
OUTPUTS  out, the manifest of the batch. The files lie beside it in tranche-<t>/spectra/, which is the root of the
         survey's spectra; the manifest names each of them.
"""

from pathlib import Path

from pipeline.settings.spectra.simulation import SimulatedSpectra
from pipeline.simulate.spectra import boss_files, desi_files, fits_bytes, pipeline_fit, shard
from pipeline.stages._door import Job, door
from pipeline.stages._simulated import make_shards


def run(job: Job) -> None:
    """Make the shards of the batch that are not finished, then its manifest."""
    settings, seed = SimulatedSpectra.parse(job.settings["survey"]), int(job.settings["seed"])
    make_shards(job, "spectra", lambda row, root: _make(job, settings, seed, row, root))


def _make(job: Job, settings: SimulatedSpectra, seed: int, row: dict, root: Path) -> tuple[int, list[str]]:
    """Write the files of a plate or pixel; return its number of spectra, and their names below root."""
    below = Path(f"tranche-{row['tranche']}") / "spectra"
    spectra, fits, files, number = [], [], [], 0
    made = shard.spectra(settings, seed, row)
    for spectrum in job.log.progress(made, total=settings.spectra_per_shard, unit="spectra", desc=row["shard"]):
        number += 1
        result = pipeline_fit.fit(settings.catalogue, seed, row, spectrum)
        if row["region"] == "desi":  # all spectra of a pixel stand in one file
            spectra.append(spectrum)
            fits.append(result)
            continue
        name = boss_files.path(row, spectrum.row + 1)
        fits_bytes.write(root / below / name, *boss_files.content(settings, seed, row, spectrum, result))
        files.append(name)
    if spectra:
        names = desi_files.paths(row)
        for name, hdus in zip(names, desi_files.contents(seed, row, spectra, fits), strict=True):
            fits_bytes.write(root / below / name, *hdus)
        files += names
    return number, [str(below / name) for name in files]


def main(argv=None) -> int:
    """Run the stage."""
    return door("simulate_spectra", run, argv, outputs=("out",), values=("rows",))


if __name__ == "__main__":
    raise SystemExit(main())
