"""What `skysieve plan` says of a run that is finished, beside the seconds that its stages took.

    python benchmarks/plan_check.py PROJECT/work/RUN

Without GPUs, from the packaged rates; objects are those of the run's catalogue.
"""

import argparse
from pathlib import Path

import yaml

from pipeline.cluster.estimate import estimate
from pipeline.cluster.measured import of_run
from pipeline.cluster.rates import Rates
from pipeline.cluster.size import size_of
from pipeline.settings.run import RunSettings


def compared(folder: Path) -> list[tuple[str, int, float, float]]:
    """Return (stage, jobs, predicted, measured) in hours of wall time of all jobs, one after the other."""
    project, run = folder.resolve().parents[1], folder.name
    settings = RunSettings.parse(yaml.safe_load((project / "results" / run / "settings.yaml").read_text()))
    found, rates = of_run(project, run), Rates([])
    size = size_of(settings, project / "results" / run, run, None, rates)
    start, predicted = rates.get("start") / 3600, {}
    for row in estimate(settings, size, rates, gpus=False):
        # A stage's own clock begins after its imports.
        hours = row.jobs * (row.longest_hours - start)
        jobs, before = predicted.get(row.rule, (0, 0.0))
        predicted[row.rule] = (jobs + row.jobs, before + hours)
    rows = []
    for stage, (jobs, seconds) in sorted(found.by_stage.items(), key=lambda item: -item[1][1]):
        expected = predicted.get(stage, (0, 0.0))
        if expected[0] != jobs:
            raise SystemExit(f"{stage}: {expected[0]} jobs planned, {jobs} recorded")
        rows.append((stage, jobs, expected[1], seconds / 3600))
    return rows


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="work/RUN of a finished run")
    rows = compared(parser.parse_args().run)
    print(f"{'stage':<22}{'jobs':>6}{'predicted s':>14}{'measured s':>14}{'ratio':>8}")
    rows.append(("all", *(sum(row[column] for row in rows) for column in (1, 2, 3))))
    for stage, jobs, predicted, measured in rows:
        ratio = f"{predicted / measured:8.2f}" if measured else ""
        print(f"{stage:<22}{jobs:>6}{predicted * 3600:>14.1f}{measured * 3600:>14.1f}{ratio}")


if __name__ == "__main__":
    main()
