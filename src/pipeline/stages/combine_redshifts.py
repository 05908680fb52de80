"""Combine the estimators' redshifts of a batch, with errors, probabilities of being wrong and flags.

Inputs: a manifest of each estimator, the catalogue, the calibration. Output: the combined redshifts.
"""

import json

import numpy as np

from pipeline.data.lookup import rows_of
from pipeline.data.manifests import shard_paths
from pipeline.data.shards import read_result_shard, write_result_shard
from pipeline.data.tables import read_parquet
from pipeline.learn.redshift_combination import apply
from pipeline.learn.redshift_estimates import from_results
from pipeline.stages._door import Job, door
from pipeline.stages._redshifts import COLUMNS, by_estimator, spectra_of

_SINGLE = ("z_err", "p_wrong")


def run(job: Job) -> None:
    """Combine the shards that are not finished yet."""
    content = json.loads(job.paths["calibration"].read_text(encoding="utf-8"))
    manifests = by_estimator(job.paths["redshifts"], content["order"])
    results = {name: dict(shard_paths(path, ".h5")) for name, (path,) in manifests.items()}
    catalogue = dict(shard_paths(job.paths["catalogue"], ".parquet"))

    def make(shard: str, temporary: dict) -> int:
        table = read_parquet(catalogue[shard], ["spectrum_id", *COLUMNS])
        table = table.sort_values("spectrum_id", kind="stable", ignore_index=True)
        ids = table.spectrum_id.to_numpy()
        estimates = []
        for name, paths in results.items():
            found = from_results(name, read_result_shard(paths[shard]), paths[shard])
            found = found.take(np.argsort(found.spectrum_id, kind="stable"))
            estimates.append(found.take(rows_of(found.spectrum_id, ids, paths[shard], "spectrum")))
        columns = apply(content, estimates, spectra_of(table))
        for name in columns:
            if name.startswith(_SINGLE):
                columns[name] = columns[name].astype(np.float32)
        write_result_shard(temporary["out"], object_id=ids, spectrum_id=ids, **columns)
        return len(ids)

    entries = [
        (shard, [path, *(paths[shard] for paths in results.values()), job.paths["calibration"]])
        for shard, path in catalogue.items()
    ]
    job.dataset(outputs={"out": (job.out["out"], ".h5")}, entries=entries, make=make)


def main(argv=None) -> int:
    """Run the stage."""
    return door("combine_redshifts", run, argv, inputs=("redshifts+", "catalogue", "calibration"), outputs=("out",))


if __name__ == "__main__":
    raise SystemExit(main())
