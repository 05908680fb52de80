"""Save the merged settings of a run beside its results. Nothing reads this file."""

import yaml

from pipeline.data.atomic import write_text
from pipeline.stages._door import Job, door


def run(job: Job) -> None:
    """Write the settings as YAML, in the order of the sections."""
    write_text(job.out["out"], yaml.safe_dump(job.settings, sort_keys=False, allow_unicode=True))


def main(argv=None) -> int:
    """Run the stage."""
    return door("write_settings", run, argv, outputs=("out",))


if __name__ == "__main__":
    raise SystemExit(main())
