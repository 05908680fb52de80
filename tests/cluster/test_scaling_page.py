"""docs/scaling.md: its tables are what the command prints, its figures those of the table."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "scaling.md").read_text(encoding="utf-8")
BLOCKS = dict(re.findall(r"^```text\n\$ skysieve plan ([^\n]*)\n(.*?)\n```$", PAGE, re.M | re.S))


def test_three_sizes_are_shown():
    assert [re.search(r"--objects (\d+)$", arguments).group(1) for arguments in BLOCKS] == [
        "42000000",
        "1000000000",
        "20000000000",
    ]


@pytest.mark.parametrize("arguments", BLOCKS)
def test_a_table_is_what_the_command_prints(arguments, tmp_path):
    (tmp_path / "config").symlink_to(ROOT / "config")  # and no finished run, whose rates would be taken
    call = [str(Path(sys.executable).with_name("skysieve")), "plan", *arguments.split()]
    done = subprocess.run(call, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert BLOCKS[arguments] == done.stdout.split("\n\nFrom these rates")[0], "mend it with: make scaling"
