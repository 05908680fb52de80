"""A copy of the project in which the real graph runs."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import stand_ins
import yaml

ROOT = Path(__file__).resolve().parents[2]
# Rules that only name what a run consists of.
TARGETS = ("all", "lenses", "redshifts")
# Names of the results of the spectra half. The list of settings and the entrance to the release belong to both.
OF_SPECTRA = r"^(spectra/|truth/spectra-|survey/t\d+-s|survey/tranche-\d+/spectra/|release/redshifts/)"
SNAKEMAKE = Path(sys.executable).with_name("snakemake")


class Project:
    """A copy of the repository's files in a folder of its own, with the settings of the tiny run as the default.

    The copy's `src` comes first on the path, so that a test may edit it.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        listed = subprocess.run(
            ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True, check=True
        )
        for name in filter(None, listed.stdout.decode().split("\0")):
            if (ROOT / name).is_file() or (ROOT / name).is_symlink():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, folder / name, follow_symlinks=False)
        profile = folder / "profiles" / "default" / "config.yaml"
        profile.write_text(profile.read_text().replace("config/demo.yaml", "config/tiny.yaml"))
        self.environment = {
            **{key: value for key, value in os.environ.items() if key != "SKYSIEVE_RUN_CODE"},
            "PYTHONPATH": str(folder / "src"),
            "PYTHONDONTWRITEBYTECODE": "",
            "PYTHONWARNINGS": "default",
            "XDG_CACHE_HOME": str(folder / ".cache"),
        }

    @property
    def results(self) -> Path:
        """Results of the tiny run."""
        return self.folder / "results" / "tiny"

    def command(self, *arguments) -> list[str]:
        """A call of snakemake; two cores unless told otherwise."""
        cores = [] if "--cores" in arguments or "slurm" in arguments else ["--cores", "2"]
        return [str(SNAKEMAKE), *cores, *map(str, arguments)]

    def call(self, *arguments) -> subprocess.CompletedProcess:
        """Run snakemake and return what happened."""
        return subprocess.run(
            self.command(*arguments), cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False
        )

    def run(self, *arguments) -> str:
        """Run snakemake, which must succeed; return what it wrote."""
        done = self.call(*arguments)
        logs = "\n".join(re.findall(r"^ *log: (\S+)", done.stderr, re.M)[-1:])
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr[-6000:]}\n{logs}"
        return done.stdout + done.stderr

    def plan(self, *arguments) -> dict[str, int]:
        """Return which rules would run, and how many jobs of each: for the whole run, or a target that is named."""
        text = self.run("-n", *arguments)
        table = re.search(r"Job stats:\njob +count\n[- ]+\n(.*?)\ntotal", text, re.S)
        if table is None:
            assert "Nothing to be done" in text, text[-3000:]
            return {}
        jobs = (line.split() for line in table.group(1).splitlines())
        return {name: int(count) for name, count in jobs if name not in TARGETS}

    def stand_in_survey(self, number: int) -> str:
        """Write a list of shards, lists of lenses and sheets for the settings of Stein et al.; return their name.

        The graph of these settings then resolves, down to the release; there are no data behind it.
        """
        self.environment |= stand_ins.write(self.folder, number)
        return stand_ins.CONFIG

    def stand_in_spectra(self, config: str, number: int) -> str:
        """Write a list of shards of spectra and a table of quasars for settings of a paper; return their name.

        The graph of these settings then resolves; there are no data behind it.
        """
        self.environment |= stand_ins.write_spectra(self.folder, config, number)
        return config

    def edits(self, names, change) -> ExitStack:
        """Change several modules of the package within a `with` block."""
        with ExitStack() as stack:
            for name in names:
                stack.enter_context(self.edit(f"src/pipeline/{name}", change))
            return stack.pop_all()

    def edit(self, name: str, change) -> "Edit":
        """Change a file within a `with` block."""
        return Edit(self.folder / name, change)

    def settings(self, change=None, name="config/tiny.yaml") -> "Edit":
        """Change the settings within a `with` block: `change` alters the parsed content in place."""

        def rewrite(text):
            content = yaml.safe_load(text)
            change(content)
            return yaml.safe_dump(content, sort_keys=False)

        return Edit(self.folder / name, rewrite)

    def digests(self, *skip: str) -> dict[str, str]:
        """sha256 of every file of the results, by name; names that match a pattern of `skip` are left out."""
        found = {}
        for path in sorted(self.results.rglob("*")):
            name = str(path.relative_to(self.results))
            if path.is_file() and not any(re.search(pattern, name) for pattern in skip):
                found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
        return found


class Edit:
    """A change of a file that is undone at the end of the block."""

    def __init__(self, path: Path, change):
        self.path, self.change = path, change

    def __enter__(self):
        self.before = self.path.read_bytes()
        text = self.change(self.before.decode())
        assert text.encode() != self.before, "the edit changes nothing"
        self.path.write_text(text)
        return self

    def __exit__(self, *exception):
        self.path.write_bytes(self.before)


def differences(first: dict[str, str], second: dict[str, str]) -> list[str]:
    """Names that differ between two sets of digests."""
    return sorted(name for name in first.keys() | second.keys() if first.get(name) != second.get(name))
