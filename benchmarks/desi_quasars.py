"""Redshifts of DESI coadds by a finished run, beside a catalogue of their quasars.

    python benchmarks/desi_quasars.py --run results/study FOLDER ...

Each folder holds one coadd-*.fits[.gz] and one CSV with the columns TARGETID and Z.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from astropy.table import Table

from pipeline.apply.redshifts import redshift_command
from pipeline.data.spectrum_ids import desi_spectrum
from pipeline.data.velocity import velocity_difference
from pipeline.errors import PipelineError

GOAL_KM_S = 3000.0


def compared(run: Path, folder: Path) -> Table:
    """Return the redshifts of the quasars of a folder, with `z_reference` and `dv` (km/s)."""
    (coadd,), (listed,) = sorted(folder.glob("coadd-*.fits*")), sorted(folder.glob("*.csv"))
    reference = pd.read_csv(listed)
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch) / "redshifts.ecsv"
        redshift_command(run, [coadd], models=None, device="auto", ecsv=out, png=None)
        found = Table.read(out)
    row = {identity: number for number, identity in enumerate(found["spectrum_id"].tolist())}
    wanted = [desi_spectrum(coadd.name, int(target)) for target in reference["TARGETID"]]
    if missing := [one for one in wanted if one not in row]:
        raise PipelineError("the coadd lacks quasars of the catalogue", where=coadd, value=f"{len(missing)} of them")
    found = found[[row[one] for one in wanted]]
    found["z_reference"] = reference["Z"].to_numpy()
    for suffix in ["", *(name.removeprefix("z_err") for name in found.colnames if name.startswith("z_err_"))]:
        found[f"dv{suffix}"] = velocity_difference(np.asarray(found[f"z{suffix}"]), found["z_reference"])
    return found


def main() -> None:
    """Print a line a quasar and the count within the goal."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("folders", type=Path, nargs="+")
    arguments = parser.parse_args()
    inside = total = 0
    for folder in arguments.folders:
        found = compared(arguments.run, folder)
        models = [name.removeprefix("dv_") for name in found.colnames if name.startswith("dv_")]
        print(folder.name)
        print(f"{'reference':>10}{'z':>9}{'dv km/s':>10}  flagged" + "".join(f"{name:>11}" for name in models))
        for row in found:
            own = "".join(f"{row[f'dv_{name}']:>11.0f}" for name in models)
            print(f"{row['z_reference']:>10.4f}{row['z']:>9.4f}{row['dv']:>10.0f}  {row['flagged']!s:<7}{own}")
        inside, total = inside + int((np.abs(found["dv"]) < GOAL_KM_S).sum()), total + len(found)
    print(f"{inside} of {total} within {GOAL_KM_S:.0f} km/s")


if __name__ == "__main__":
    main()
