"""Write what `skysieve plan` prints into the blocks of docs/scaling.md that begin with its command."""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "scaling.md"


def printed(arguments: str) -> str:
    """Return the estimate, without its list of rates, from the packaged rates alone."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "config").symlink_to(ROOT / "config")
        call = [sys.executable, "-m", "pipeline.cli", "plan", *arguments.split()]
        done = subprocess.run(call, cwd=folder, env=environment, capture_output=True, text=True, check=True)
    return done.stdout.split("\n\nFrom these rates")[0]


def main() -> None:
    """Rewrite the page."""
    text = re.sub(
        r"^(```text\n\$ skysieve plan ([^\n]*)\n).*?^```$",
        lambda block: f"{block[1]}{printed(block[2])}\n```",
        PAGE.read_text(encoding="utf-8"),
        flags=re.M | re.S,
    )
    PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
