"""The last lines of a run: what was found, how good it is, where to look; or what is missing to go on."""

import argparse
import json
import sys
from pathlib import Path

from pipeline.grading.sheets import grading_message


def lines(results: Path) -> list[str]:
    """Return the closing lines of a run from what its results hold."""
    found = []
    audit = results / "images" / "leak_audit.json"
    summary = results / "release" / "lenses" / "summary.json"
    if summary.is_file():
        found += json.loads(summary.read_text())["closing"]
    else:
        for path in sorted(results.glob("images/round-*/assessment/*.json")):
            content = json.loads(path.read_text())
            found += content.get("closing", [])
    redshifts = results / "release" / "redshifts" / "summary.json"
    if redshifts.is_file():
        found += json.loads(redshifts.read_text())["closing"]
    # Made by a run of both halves: who asks for one of them gets none.
    if (entrance := results / "release" / "index.html").is_file():
        found.append(f"look at: {entrance.as_posix()}")
    if audit.is_file() and (label := json.loads(audit.read_text()).get("label")):
        found.append(f"splits: {label}")
    return found


def main(argv=None) -> int:
    """Print the closing lines to standard error, where Snakemake's own messages stand."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--results", type=Path, required=True)
    parser.add_argument("--page", type=Path)
    parser.add_argument("--sheet", type=Path)
    parser.add_argument("--missing", type=Path, nargs="*", default=[])
    parser.add_argument("--command", default="")
    arguments = parser.parse_args(argv)
    text = lines(arguments.results)
    if arguments.missing:
        text.append(grading_message(arguments.page, arguments.sheet, arguments.missing, arguments.command))
    sys.stderr.write("\n" + "\n".join(text) + "\n" if text else "")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
