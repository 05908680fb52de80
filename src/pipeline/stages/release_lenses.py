"""The published catalogue of graded lens candidates.

Inputs: candidates and grades of all rounds, catalogue, spectroscopic redshifts. Outputs: the table in four formats, a
region file, the map of the searched area, the counts as JSON.
"""

import json

import numpy as np
import pandas as pd

from pipeline.assess.rounds import combine
from pipeline.data import flags
from pipeline.data.atomic import atomic, write_text
from pipeline.data.catalogue import write_catalogue
from pipeline.data.datasets import read_tables
from pipeline.data.user_tables import numbers, read_user_table
from pipeline.images.photometry import magnitudes
from pipeline.release import counts, overlays, table
from pipeline.settings.release import Release
from pipeline.stages._door import Job, door
from pipeline.stages._frames import read_frame


def run(job: Job) -> None:
    """Combine the rounds, join the catalogue and the redshifts, write."""
    settings = Release.parse(job.settings["release"])
    candidates, grades = ([read_frame(path) for path in job.paths[name]] for name in ("candidates", "grades"))
    told = combine(candidates, grades, job.settings["system_arcsec"])
    catalogue = read_tables(job.paths["catalogue"], list(table.CATALOGUE))
    released = table.published(told)
    here = catalogue[catalogue["object_id"].isin(released["object_id"])]
    columns = table.columns(
        released,
        here,
        _redshifts(job, settings),
        radius_arcsec=settings.spectroscopic_arcsec,
        layer=settings.viewer_layer,
    )
    found = _counts(catalogue, told, settings, job.settings["confidence"])
    header = _header(job, settings, told, found)
    paths = [job.out[name] for name in ("fits", "ecsv", "vot", "parquet")]
    write_catalogue(columns, paths, name="LENSES", header=header)
    shown = [np.asarray(columns[name]) for name in ("RA", "DEC", "NAME", "GRADE")]
    write_text(job.out["regions"], overlays.region_text(*shown))
    with atomic(job.out["footprint"]) as temporary:
        overlays.footprint(catalogue["ra"], catalogue["dec"], settings.footprint_order, header).writeto(temporary)
    content = {"simulated": header["SIMULATE"], "run": header["RUN"], **found}
    write_text(job.out["counts"], json.dumps(content, indent=1, sort_keys=True, allow_nan=False) + "\n")
    job.rows_in, job.rows_out = len(told), len(released)
    job.log.event("released", **{grade: number for grade, number in found["grades"].items()})


def _redshifts(job: Job, settings: Release) -> pd.DataFrame:
    """Return the entries of all tables of spectroscopic redshifts."""
    parts = [pd.DataFrame({"ra": [], "dec": [], "z": []}, dtype=np.float64)]
    for path in job.paths["specz"]:
        described = {entry.path.rsplit("/", 1)[-1]: entry for entry in settings.spectroscopic}[path.name]
        read = read_user_table(path)
        names = {"ra": described.ra, "dec": described.dec, "z": described.z}
        parts.append(pd.DataFrame({key: numbers(read, name, path) for key, name in names.items()}))
    return pd.concat(parts, ignore_index=True)


def _counts(catalogue: pd.DataFrame, told: pd.DataFrame, settings: Release, confidence: float) -> dict:
    """Return what was searched, inspected and found, in numbers."""
    searched = catalogue.assign(mag_z=magnitudes(catalogue["flux_z"].to_numpy()))
    graded = told[told["graded"].to_numpy(dtype=bool)]
    seen = graded.merge(searched[["object_id", "nobs_z"]], on="object_id", how="left", validate="one_to_one")
    return counts.counts(
        searched,
        seen,
        faint_mag_z=settings.faint_mag_z,
        depth_passes=settings.depth_passes,
        confidence=confidence,
    )


def _header(job: Job, settings: Release, told: pd.DataFrame, found: dict) -> dict:
    queries = sorted({word for text in told["queries"] for word in str(text).split(",") if word})
    share = f"1 in {found['per_lens']:.0f}" if found["per_lens"] else "no candidate"
    return {
        "CATNAME": settings.name,
        "CATCOLOR": settings.color,
        "RADESYS": "ICRS",
        "RUN": job.values["run"],
        "SURVEY": job.values["survey"],
        "SIMULATE": bool(job.settings["simulated"] or told["simulated"].fillna(False).astype(bool).any()),
        "SETTINGS": job.values["digest"],
        "CODE": job.values["code"],
        "QUERIES": ",".join(queries),
        "LENSSHAR": share,
        "FLAGBITS": ", ".join(f"{flag.bit} {flag.name}" for flag in flags.FLAGS),
    }


def main(argv=None) -> int:
    """Run the stage."""
    return door(
        "release_lenses",
        run,
        argv,
        inputs=("candidates+", "grades+", "catalogue+", "specz*"),
        outputs=("fits", "ecsv", "vot", "parquet", "regions", "footprint", "counts"),
        values=("run", "survey", "digest", "code"),
    )


if __name__ == "__main__":
    raise SystemExit(main())
