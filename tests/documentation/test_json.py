"""What `--json` prints, what a command asks Azure, and which files are left: as the pages say, on one deployment."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.documentation.pages import code_words, documents, table
from tests.e2e.conftest import Product

pytestmark = pytest.mark.e2e

VM = "k0s-worker-1"
#: A command as docs/scripting.md names it, the words that run it, and the exit code that it ends with.
COMMANDS = [
    ("config show", ["config", "show"], 0),
    ("config validate", ["config", "validate"], 0),
    ("doctor", ["doctor"], 0),
    ("plan", ["plan"], 0),
    ("deploy", ["deploy", "--yes"], 0),
    ("status", ["status"], 0),
    ("validate", ["validate"], 0),
    ("vm show", ["vm", "show", VM, "--refresh"], 0),
    ("events", ["events", "--limit", "1"], 0),
    ("event add", ["event", "add", "tried", "for the pages"], 0),
    ("state check", ["state", "check"], 0),
    ("state set", ["state", "set", "notes.ring", "3", "--reason", "for the pages"], 0),
    ("state unset", ["state", "unset", "notes.ring", "--reason", "for the pages"], 0),
    ("snapshot create", ["snapshot", "create"], 0),
    ("snapshot list", ["snapshot", "list"], 0),
    ("snapshot show", ["snapshot", "show", "latest"], 0),
    ("snapshot diff", ["snapshot", "diff", "latest"], 0),
    ("snapshot prune", ["snapshot", "prune", "--keep", "1", "--yes"], 0),
    ("rollback", ["rollback", "latest", "--dry-run"], 0),
    ("replace", ["replace", f"vm/{VM}", "--dry-run"], 0),
    ("secrets status", ["secrets", "status"], 0),
    ("lock show", ["lock", "show"], 0),
    ("resume", ["resume", "--yes"], 0),
    ("rehearse log", ["rehearse", "log"], 0),
    ("destroy", ["destroy", "--yes"], 0),
]
#: Requests that a page tells of; all others ask nothing.
REQUESTS = {"deploy": 4, "validate": 8, "vm show": 2, "replace": 3, "resume": 1, "destroy": 5}
#: Whose keys another page lists.
ELSEWHERE = {"validate": "docs/validate.md"}


@dataclass
class Shown:
    """What each command printed, and how many requests the cloud answered meanwhile."""

    printed: dict[str, Any] = field(default_factory=dict)
    asked: dict[str, int] = field(default_factory=dict)
    files: set[str] = field(default_factory=set)
    left: set[str] = field(default_factory=set)


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Shown:
    product = Product(tmp_path_factory.mktemp("pages"))
    product.init("minimal")
    found = Shown()
    try:
        before = 0
        for command, words, code in COMMANDS:
            done = product.run(*words, "--json", expect=code)
            found.printed[command] = json.loads(done.out.splitlines()[0] if command in _LINES else done.out)
            after = len(product.requests())
            found.asked[command], before = after - before, after
            if command == "resume":
                found.files = _files(product)
        found.left = _files(product)
    finally:
        product.run("rehearse", "stop", expect=None)
    return found


_LINES = {"events", "rehearse log"}


def _files(product: Product) -> set[str]:
    there = (path for path in product.workspace.rglob("*") if ".rehearsal" not in path.parts)
    return {str(path.relative_to(product.workspace)) for path in there}


def row_of(command: str) -> str:
    rows = table(documents()["docs/scripting.md"], "| command | what `--json` prints |")
    (found,) = [cells[1] for cells in rows if command in code_words(cells[0])]
    return found


def test_every_key_that_is_printed_is_documented(shown: Shown) -> None:
    for command, printed in shown.printed.items():
        row = row_of(command)
        if re.search(r"same keys|as (?:in|above|deploy|it was)|below|what `status` prints|see \[|^as ", row):
            row += documents()[ELSEWHERE.get(command, "docs/scripting.md")]
        told = {word.partition("[")[0] for word in code_words(row)}
        told |= {part for word in told for part in word.split(".")}
        rows = printed if isinstance(printed, list) else [printed]
        keys = {key for row in rows for key in row}
        assert keys <= told, command


def test_every_key_that_is_documented_is_printed(shown: Shown) -> None:
    """Of the first level: those outside parentheses, and before a semicolon, after which a condition follows."""
    for command, printed in shown.printed.items():
        if command in {*ELSEWHERE, "deploy", "resume"} or not isinstance(printed, dict):
            continue
        plain = re.sub(r"\([^()]*(\([^()]*\)[^()]*)*\)", "", row_of(command))
        plain = plain.partition(";")[0]
        told = {word.partition("[")[0] for word in code_words(plain) if re.fullmatch(r"[a-z_]+(\[\])?", word)}
        assert told - _NO_KEYS <= set(printed), command


#: What stands in backticks in that table and is no key.
_NO_KEYS = {"deploy", "status", "events", "vms", "refresh", "state"}


def test_every_command_asks_azure_what_the_pages_say(shown: Shown) -> None:
    rows = table(documents()["docs/arm-calls.md"], "| | requests |")
    silent = {words.split()[0] for words in code_words(rows[0][0])}
    assert silent.isdisjoint(command.split()[0] for command in REQUESTS)
    assert {command.split()[0] for command, _, _ in COMMANDS} - {*silent, "rehearse"} == {
        each.split()[0] for each in REQUESTS
    }
    told = {words: cells[1] for cells in rows for words in code_words(cells[0])}
    assert (told["resume"], told["validate"], told["replace --dry-run"]) == ("1", "at most 8", "3")
    counts = {command: shown.asked[command] for command, _, _ in COMMANDS if shown.asked[command]}
    assert set(counts) == set(REQUESTS)
    assert all(counts[command] <= most for command, most in REQUESTS.items()), counts
    assert counts["destroy"] == REQUESTS["destroy"]
    assert counts["resume"] == REQUESTS["resume"]


def test_the_files_that_a_page_lists_are_there(shown: Shown) -> None:
    text = documents()["docs/first-deployment.md"].partition("Files that the deployment leaves")[2]
    listed = [code_words(cells[0])[0] for cells in table(text, "| | |")]
    assert listed
    for name in listed:
        pattern = re.escape(name).replace("<id>", "k0rdent-[a-z0-9]{8}").replace("…", "[a-z0-9]+")
        assert any(re.fullmatch(pattern.rstrip("/"), file) for file in shown.files), name


def test_destroy_leaves_what_its_page_says(shown: Shown) -> None:
    top = {name.partition("/")[0] for name in shown.left}
    kept = {name for name in top if not name.startswith(".")}
    assert kept == {"k0rdent.yaml", "archive"}
