"""Each command that the product offers is accepted where it is offered, and helps.

`said.py` finds the commands in the source, `situations.py` registers who makes the product say them. A new command
without a situation turns `test_every_command_has_a_situation` red, which says what to write.
"""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from k0rdent_azure.state.codec import dump
from tests.e2e.conftest import EXHAUSTIVE, Product
from tests.e2e.prepared import copy_of
from tests.hints import deployed as _deployed  # noqa: F401  the tables register themselves
from tests.hints import locks as _locks  # noqa: F401
from tests.hints import offline as _offline  # noqa: F401
from tests.hints import outside as _outside  # noqa: F401
from tests.hints import states as _states  # noqa: F401
from tests.hints.commands import is_accepted
from tests.hints.place import Place
from tests.hints.said import said
from tests.hints.situations import CONFIG, DEPLOYED, EMPTY, SITUATIONS, Situation
from tests.hints.waiting import WAITING
from tests.report.states import complete

pytestmark = pytest.mark.e2e

HOW = """
Each command that the product offers is made, typed and looked at in tests/hints. For each line above write there (in
offline.py if a state file is enough, else beside those that need the same world):

    @situation("MODULE: COMMAND")                    # the line as it stands above, without its number
    def what_happened(place: Place) -> None:
        ...                                          # make the situation in place.workspace
        place.tell("status", expect=4)               # the command that offers yours, and its exit code
        place.follow("recover --from-backup", more=["--yes"])    # type what is offered, as at a shell
        place.cured("what it complained of")         # the first command again: it does not complain any more
"""
#: How many there were last; fewer is better.
MOST_WAITING = 26
#: What stands for a hole of a literal where not every word will do.
_FILLED = {
    "replace {}": "replace vm/k0s-worker-1",
    "rehearse fault {} --help": "rehearse fault http --help",
    "recover --from-azure{}": "recover --from-azure",
}


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path)
    made.workspace.mkdir()
    yield made
    made.close()


def deploy(workspace: Path) -> None:
    """A small deployment, made once."""
    made = Product(workspace)
    made.init("minimal")
    made.run("deploy", "--yes")
    made.run("rehearse", "stop")


def _prepare(place: Place, situation: Situation) -> None:
    if situation.start not in (EMPTY, DEPLOYED):
        place.run("init", "--template", "minimal", "--cloud", "rehearsal", "--yes")
    if situation.start == DEPLOYED:
        copy_of("hints", deploy, place.workspace)
    elif situation.start not in (EMPTY, CONFIG):
        place.state.touch(mode=0o600)
        place.state.write_bytes(dump(complete()))


def test_every_command_has_a_situation() -> None:
    offered = {each.key: f"{each.key}    (line {each.line})" for each in said() if not each.foreign}
    claimed = {key for situation in SITUATIONS.values() for key in situation.says}
    new = sorted(text for key, text in offered.items() if key not in claimed | WAITING)
    assert not new, "\n".join(["nobody makes the situation of these commands:", *new, HOW])
    gone = (claimed | WAITING) - {each.key for each in said()}
    assert not gone, f"the source says them no more; take them out of tests/hints: {sorted(gone)}"
    assert len(WAITING) <= MOST_WAITING, f"write a situation instead:{HOW}"
    assert not claimed & WAITING, f"they have a situation; take them out of waiting.py: {claimed & WAITING}"


def test_the_parser_accepts_every_command() -> None:
    commands = {each.command for each in said() if not (each.foreign or each.command.startswith("{"))}
    refused = [each for each in commands if not is_accepted(_words(each))]
    assert not refused


def _words(command: str) -> list[str]:
    """A command with something in its holes. One that is named in passing may leave its arguments to the reader."""
    if command.startswith("("):
        return [*command.strip("()").split(), "--help"]
    return shlex.split(_FILLED.get(command, command).replace("{}", "x"))


def test_a_shell_reads_every_command_of_others() -> None:
    commands = sorted({each.command.replace("{}", "x") for each in said() if each.foreign})
    assert len(commands) > 20
    done = subprocess.run(
        ["sh", "-n"], input="\n".join(commands), text=True, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr


def _played() -> list[Any]:
    return [
        pytest.param(each.name, marks=pytest.mark.harm_allowed(*each.harm))
        for each in sorted(SITUATIONS.values(), key=lambda each: each.name)
        if EXHAUSTIVE or not each.long
    ]


@pytest.mark.parametrize("name", _played())
def test_what_is_said_helps(name: str, place: Place) -> None:
    situation = SITUATIONS[name]
    _prepare(place, situation)
    situation.play(place)
    literals = {key: [each.pattern for each in said() if each.key == key] for key in situation.says}
    unsaid = [
        key for key, patterns in literals.items() if not any(each.search(place.heard) for each in patterns)
    ]
    assert not unsaid, f"{name} never made the product say {unsaid}"
