"""Finds the commands in what the product says, as a reader would: what to copy, and where it ends."""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Iterator

from k0rdent_azure.cli.main import COMMANDS, parser
from k0rdent_azure.errors import UsageError

PROGRAM = "k0rdent-azure"
#: Programs of others that hints name. What these tests may run of them, and how, is in `foreign.py`.
FOREIGN = (
    "age",
    "az",
    "chmod",
    "cp",
    "go",
    "ip",
    "kubectl",
    "mkdir",
    "mv",
    "rm",
    "ssh",
    "ssh-keygen",
    "sudo",
)
#: Words that begin what a command does, where the grammar would take them for an argument.
_PROSE = {
    "reads",
    "restores",
    "shows",
    "puts",
    "names",
    "goes",
    "waits",
    "makes",
    "tells",
    "as",
    "which",
    "instead",
    "with",
    "after",
}
_QUOTED = re.compile(r"'[^']*'|\"(?:[^\"\\]|\\.)*\"|\\.|[^\s'\"\\;,`()…]+")


def words_of(text: str) -> list[str]:
    """The shell words at the beginning of `text`, quotes kept, as far as one command can go."""
    found: list[str] = []
    place = 0
    while place < len(text):
        word = ""
        while match := _QUOTED.match(text, place):
            word += match[0]
            place = match.end()
        if not word:
            break
        end = word.endswith((".", ":")) and not word.startswith((".", "/"))
        word = word.rstrip(".:") if end else word
        if word in _PROSE or word in ("then", "and", "or"):
            break
        found.append(word)
        if end or not text[place : place + 1].isspace():
            break
        spaces = re.compile(r" +").match(text, place)
        if spaces is None or len(spaces[0]) > 1:
            break
        place = spaces.end()
    return found


def product_commands(text: str) -> Iterator[str]:
    """Each command line of the product in `text`, from the name of the program to its last word.

    A command that its parser refuses is returned whole: whoever runs it sees the refusal.
    """
    for match in re.finditer(rf"(?<![\w/.-]){PROGRAM}(?= )", text):
        words = words_of(text[match.start() :])
        begin = 3 if words[1:2] == ["-C"] else 1
        if len(words) > begin and words[begin] in COMMANDS:
            yield " ".join([*words[:begin], *_accepted(words[begin:])])


def foreign_commands(text: str) -> Iterator[str]:
    """Each command line of another program in `text`, where it is offered for copying."""
    names = "|".join(FOREIGN)
    for match in re.finditer(rf"(?:^|: |`|, or |; or )(?=(?:{names}) [a-zA-Z0-9/~'\"-])", text):
        rest = text[match.end() :]
        inside = rest.partition("`")[0] if match[0] == "`" else rest
        words = words_of(inside)
        if words[:2] not in (["go", "on"], ["go", "back"]):
            yield " ".join(words)


def _accepted(words: list[str]) -> list[str]:
    """The longest beginning that the parser takes; all of it if a flag comes next, or nothing is taken."""
    import shlex

    for count in range(len(words), 0, -1):
        if any(word.startswith("-") for word in words[count:]):
            break
        if is_accepted(shlex.split(" ".join(words[:count]))):
            return words[:count]
    return words


def is_accepted(words: list[str]) -> bool:
    """Whether the product's own parser takes a command (`--help` is a command, too)."""
    sink = io.StringIO()
    with contextlib.redirect_stderr(sink), contextlib.redirect_stdout(sink):
        try:
            parser(words[0] if words[0] in COMMANDS and words[0] != "completion" else None).parse_args(words)
        except UsageError:
            return False
        except SystemExit as end:
            return end.code in (0, None)
    return True
