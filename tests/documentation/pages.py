"""Everything that the project tells its users, by where it stands."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from docs.generate import DOCS

from k0rdent_azure.cli.main import parser
from k0rdent_azure.config.templates import CLOUDS, TEMPLATES, render

ROOT = DOCS.parent


def page(name: str) -> str:
    """A page of `docs/` on one line, so that a sentence is found wherever it is broken."""
    return " ".join((DOCS / name).read_text(encoding="utf-8").split())


@cache
def documents() -> dict[str, str]:
    """README, docs/ (the decisions are history), every generated configuration, and every `--help`."""
    files = [ROOT / "README.md", *sorted(DOCS.glob("*.md"))]
    found = {str(file.relative_to(ROOT)): file.read_text(encoding="utf-8") for file in files}
    found |= {
        f"init --template {template} --cloud {cloud}": render(template, cloud=cloud)
        for template in TEMPLATES
        for cloud in CLOUDS
        # Azure China has no Spot VMs.
        if (template, cloud) != ("production-spot", "AzureChinaCloud")
    }
    return found | {f"{each.prog} --help": help_of(each) for each in parsers()}


def parsers(root: argparse.ArgumentParser | None = None) -> Iterator[argparse.ArgumentParser]:
    """Every parser of the command line, the subcommands' too."""
    root = root or parser()
    yield root
    for action in root._actions:
        if isinstance(action, argparse._SubParsersAction):
            for each in dict.fromkeys(action.choices.values()):
                yield from parsers(each)


def options(each: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    yield from (action for action in each._actions if action.help not in (None, argparse.SUPPRESS))


def help_of(each: argparse.ArgumentParser) -> str:
    return each.format_help()


def table(text: str, header: str) -> list[list[str]]:
    """The rows of the table whose header line begins with `header`, each a list of its cells."""
    _, found, rest = text.partition(header)
    assert found, f"no table begins with {header!r}"
    lines = rest.splitlines()[2:]
    rows = []
    for line in lines:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]])
    return rows


def code_words(text: str) -> list[str]:
    """What stands in backticks."""
    return re.findall(r"`([^`\n]+)`", text)


def lines_of(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()
