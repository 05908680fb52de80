"""The pages: links lead somewhere, files and commands that they name exist, pictures are small."""

import re
from pathlib import Path

import pytest
import typer

from pipeline.cli import app

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
IDS = [page.name for page in PAGES]


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_links_lead_to_files(page):
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_files_of_the_project_that_a_page_names_exist(page):
    named = re.findall(
        r"`((?:src/pipeline|tests|config|workflow|profiles|benchmarks|settings|learn|models|surveys|data|images|stages)"
        r"/[\w/]+\.(?:py|smk|yaml|json))\b",
        page.read_text(encoding="utf-8"),
    )
    package = ROOT / "src" / "pipeline"
    missing = [name for name in named if not (ROOT / name).exists() and not (package / name).exists()]
    assert [name for name in missing if not name.startswith(("images/", "data/"))] == []


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_commands_and_targets_that_a_page_names_exist(page):
    text = page.read_text(encoding="utf-8")
    commands = set(typer.main.get_command(app).commands)
    assert set(re.findall(r"bin/skysieve ([\w-]+)", text)) <= commands
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    assert set(re.findall(r"(?:`|^ {4})make ([a-z-]+)", text, re.M)) <= targets


def test_rules_in_the_design_are_the_rules_of_the_graph():
    text = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
    table = re.search(r"^\| rule \|.*?\n\n", text, re.M | re.S).group(0)
    named = {name for row in table.strip().splitlines()[2:] for name in re.findall(r"`(\w+)`", row.split("|")[1])}
    written = "".join(path.read_text() for path in (ROOT / "workflow" / "rules").glob("*.smk"))
    assert named == set(re.findall(r"^ *rule (\w+):", written, re.M)) - {"lenses", "redshifts"}


def test_pictures_of_the_readme_are_there_and_small():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = [ROOT / name for name in re.findall(r"!\[[^\]]+\]\(([^)]+)\)", text)]
    assert len(shown) >= 3 and sum(path.stat().st_size for path in shown) <= 2_000_000
