"""What to type instead of a command, an option or a choice that does not exist. Imported for a refusal only."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from k0rdent_azure.errors import UsageError
from k0rdent_azure.nearest import nearest

_PROGRAM = "k0rdent-azure"
#: What other tools call a command of ours; by the words in front of it.
_COMMANDS: Mapping[str, Mapping[str, str]] = {
    "": {
        **dict.fromkeys(
            ("up", "apply", "create", "start", "install", "provision", "launch", "run"), "deploy"
        ),
        **dict.fromkeys(("delete", "down", "remove", "rm", "teardown", "uninstall", "terminate"), "destroy"),
        **dict.fromkeys(("purge", "reset", "clean", "cleanup", "undeploy"), "destroy"),
        **dict.fromkeys(("continue", "retry", "rerun"), "resume"),
        **dict.fromkeys(("ls", "list", "show", "info", "get", "describe", "ps", "st"), "status"),
        **dict.fromkeys(("log", "logs", "history", "watch", "journal"), "events"),
        **dict.fromkeys(("check", "verify", "drift", "test"), "validate"),
        **dict.fromkeys(("preview", "diff", "what-if", "whatif", "dry-run", "template"), "plan"),
        **dict.fromkeys(("new", "generate", "configure", "setup", "quickstart"), "init"),
        **dict.fromkeys(("restore", "import", "rebuild"), "recover"),
        **dict.fromkeys(("recreate", "taint"), "replace vm/NAME"),
        **dict.fromkeys(("force-unlock", "release"), "unlock"),
        **dict.fromkeys(("revert", "undo"), "rollback"),
        **dict.fromkeys(("output", "outputs"), "state get"),
        **dict.fromkeys(("refresh", "sync"), "status --refresh"),
        **dict.fromkeys(("backup",), "snapshot create"),
        **dict.fromkeys(("repair", "fix", "heal"), "validate --repair"),
        **dict.fromkeys(("prerequisites", "preflight"), "doctor"),
        **dict.fromkeys(("help",), "--help"),
        **dict.fromkeys(("version",), "--version"),
    },
    "config": {
        **dict.fromkeys(("get", "list", "view", "print"), "config show"),
        **dict.fromkeys(("check", "lint"), "config validate"),
        **dict.fromkeys(("init", "create"), "init"),
    },
    "state": {
        **dict.fromkeys(("show", "read", "query"), "state get"),
        **dict.fromkeys(("put", "write", "edit", "update"), "state set"),
        **dict.fromkeys(("rm", "remove", "delete"), "state unset"),
        **dict.fromkeys(("list", "pull", "dump", "cat"), "state export"),
        **dict.fromkeys(("validate", "verify"), "state check"),
        **dict.fromkeys(("recover", "restore"), "recover"),
    },
    "snapshot": {
        **dict.fromkeys(("ls",), "snapshot list"),
        **dict.fromkeys(("take", "add", "new", "save"), "snapshot create"),
        **dict.fromkeys(("rm", "remove", "delete", "clean"), "snapshot prune"),
        **dict.fromkeys(("restore", "rollback", "apply"), "rollback SNAPSHOT"),
    },
    "lock": dict.fromkeys(("remove", "release", "delete", "rm", "break"), "unlock ID"),
    "vm": {
        **dict.fromkeys(("list", "ls"), "status"),
        **dict.fromkeys(("replace", "recreate", "delete", "redeploy"), "replace vm/NAME"),
    },
    "event": dict.fromkeys(("list", "ls", "show"), "events"),
    "rehearse": {
        **dict.fromkeys(("start", "run", "up"), "rehearse serve"),
        **dict.fromkeys(("down", "end", "kill"), "rehearse stop"),
    },
}
#: What other tools call an option of ours, without dashes. The first that the command has is meant.
_OPTIONS: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("force", "auto-approve", "assume-yes", "approve", "confirm", "f"), ("--yes", "--force")),
    **dict.fromkeys(("non-interactive", "no-input", "no-prompt", "skip-confirmation", "batch"), ("--yes",)),
    **dict.fromkeys(("output", "o", "format", "out"), ("--json",)),
    **dict.fromkeys(("silent", "s", "no-progress"), ("--quiet",)),
    **dict.fromkeys(("check", "preview", "what-if", "plan", "noop", "n"), ("--dry-run",)),
    **dict.fromkeys(("var", "parameters", "p", "values", "override"), ("--set",)),
    **dict.fromkeys(("w", "tail", "f", "wait"), ("--watch", "--follow")),
    **dict.fromkeys(("region",), ("--location",)),
    **dict.fromkeys(("g", "rg"), ("--resource-group",)),
    **dict.fromkeys(("n", "tail", "lines", "max", "count"), ("--limit", "--keep")),
    **dict.fromkeys(("repair", "fix"), ("--repair",)),
}
_FOLDER = ("chdir", "dir", "directory", "cwd", "workspace", "project", "path", "c")


class _Place(NamedTuple):
    """A word of a command line, the parsers that lead to it, and those that lead to its end."""

    word: str
    parsers: Sequence[argparse.ArgumentParser]
    all_parsers: Sequence[argparse.ArgumentParser]


def unknown_choice(parser: argparse.ArgumentParser, action: argparse.Action, value: str) -> UsageError:
    """The refusal of a command, or of an option's value, that is none of its choices."""
    choices = [str(each) for each in action.choices or ()]
    if not isinstance(action, argparse._SubParsersAction):
        name = "/".join(action.option_strings) or str(action.metavar or action.dest)
        near = nearest(value, choices)
        known = f"choose from {', '.join(choices)}"
        return UsageError(
            f"{parser.prog}: {name} cannot be {value[:80]!r}",
            hint=f"did you mean {near}? {known}" if near else known,
        )
    what = f"`{parser.prog}` has no command {value[:80]!r}"
    meant = _meant_command(parser, value, choices)
    if meant:
        return UsageError(what, hint=f"did you mean: {meant}")
    few = f"there are {', '.join(choices)}; " if len(choices) <= 30 else ""
    return UsageError(what, hint=f"{few}see: {parser.prog} --help")


def _meant_command(parser: argparse.ArgumentParser, value: str, choices: Sequence[str]) -> str | None:
    """The whole command that is meant: another tool's word for it, an abbreviation, or the closest name."""
    path, word = parser.prog.removeprefix(_PROGRAM).strip(), value.lower()
    foreign = _COMMANDS.get(path, {})
    if word in foreign:
        return f"{_PROGRAM} {foreign[word]}"
    begun = [name for name in choices if len(word) > 1 and name.startswith(word)]
    if begun:
        return " or ".join(f"{parser.prog} {name}" for name in begun[:3])
    if near := nearest(value, choices):
        return f"{parser.prog} {near}"
    if near := nearest(value, foreign):
        return f"{_PROGRAM} {foreign[near]}"
    if path and len(choices) == 1:
        # `vm k0s-worker-1`: the only command that there is was left out.
        return " ".join([parser.prog, choices[0], *([value] if re.fullmatch(r"[\w./-]+", value) else [])])
    return next(_commands_below(parser, word), None)


def unknown_option(root: argparse.ArgumentParser, words: Sequence[str]) -> UsageError | None:
    """The refusal of the first option that its command does not have; None if each has all of its options."""
    place = _first_unknown(root, words)
    if place is None:
        return None
    here, command = place.parsers[-1], place.all_parsers[-1]
    flag = place.word.partition("=")[0]
    if any(_short(parser, flag) for parser in place.all_parsers):
        flag = flag[:2]
    for deeper in place.all_parsers[len(place.parsers) :]:
        if flag in _options(deeper):
            return UsageError(
                f"{flag} does not belong in front of the command",
                hint=f"put it behind: {deeper.prog} {_with_value(_options(deeper)[flag], flag)}",
            )
    for above in place.parsers[:-1]:
        if flag in _options(above):
            return _before(above, here, flag)
    return UsageError(f"`{command.prog}` has no option {flag[:80]}", hint=_instead(root, command, flag))


def _instead(root: argparse.ArgumentParser, command: argparse.ArgumentParser, flag: str) -> str:
    """What may be meant by an option that `command` does not have, nor those in front of it."""
    see, bare = f"see: {command.prog} --help", flag.lstrip("-").lower()
    if meant := _same_elsewhere(command, flag) or _abbreviated(command, flag):
        return f"did you mean {meant}? {see}"
    if bare in _FOLDER:
        rest = command.prog.removeprefix(_PROGRAM).strip() or "COMMAND"
        return f"the workspace goes in front of the command: {_PROGRAM} -C DIR {rest}"
    others = [parser.prog for parser in _below(root) if flag in _options(parser)] if len(bare) > 1 else []
    if others:
        return f"it is an option of: {', '.join(others[:4])}{', …' if others[4:] else ''}"
    long = [name for name in _options(command) if name.startswith("--") and name != "--help"]
    near = nearest(f"--{bare}", long) if len(bare) > 2 else None
    return f"did you mean {near}? {see}" if near else see


def _same_elsewhere(command: argparse.ArgumentParser, flag: str) -> str | None:
    """Our name of what other tools call `flag`, if the command has it."""
    bare = flag.lstrip("-").lower()
    # `-ojson` is `-o`; `--o` is no letter.
    letter = "" if flag.startswith("--") else bare[:1]
    names = (_OPTIONS.get(bare) if letter or len(bare) > 1 else None) or _OPTIONS.get(letter, ())
    return next((name for name in names if name in _options(command)), None)


def _abbreviated(command: argparse.ArgumentParser, flag: str) -> str | None:
    begun = sorted(name for name in _options(command) if flag[:2] == "--" and name.startswith(flag.lower()))
    return " or ".join(begun[:3]) or None


def _before(above: argparse.ArgumentParser, here: argparse.ArgumentParser, flag: str) -> UsageError:
    action = _options(above)[flag]
    # `--version` and the like are commands of their own.
    rest = [] if action.nargs == 0 else [here.prog.removeprefix(above.prog).strip()]
    return UsageError(
        f"{flag} belongs in front of the command",
        hint=f"type: {' '.join([above.prog, _with_value(action, flag), *rest])}",
    )


def _with_value(action: argparse.Action, flag: str) -> str:
    return flag if action.nargs == 0 else f"{flag} {action.metavar or action.dest.upper()}"


def _first_unknown(root: argparse.ArgumentParser, words: Sequence[str]) -> _Place | None:
    found: tuple[str, int] | None = None
    parsers, is_value = [root], False
    for word in words:
        here = parsers[-1]
        if word == "--" or "-" not in here.prefix_chars:
            break
        if is_value:
            is_value = False
        elif _looks_like_option(word):
            action = _options(here).get(word.partition("=")[0]) or _short(here, word)
            is_value = action is not None and action.nargs is None and word in action.option_strings
            if action is None and found is None:
                found = word, len(parsers)
        else:
            below = _commands(here).get(word)
            parsers.extend([below] if below is not None else [])
    return _Place(found[0], parsers[: found[1]], parsers) if found else None


def _looks_like_option(word: str) -> bool:
    """As argparse tells: a word with a blank in it is a value, and so is a negative number."""
    return word.startswith("-") and word != "-" and " " not in word and not re.match(r"-\d", word)


def _short(parser: argparse.ArgumentParser, word: str) -> argparse.Action | None:
    """The option of `-Cdir`, and of the first letter of `-qy`."""
    return None if word.startswith("--") else _options(parser).get(word[:2])


def _options(parser: argparse.ArgumentParser) -> Mapping[str, argparse.Action]:
    return parser._option_string_actions  # argparse has no public way to walk a parser


def _commands(parser: argparse.ArgumentParser) -> Mapping[str, argparse.ArgumentParser]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return action.choices
    return {}


def _below(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    for each in _commands(parser).values():
        yield each
        yield from _below(each)


def _commands_below(parser: argparse.ArgumentParser, word: str) -> Iterator[str]:
    """`word` as a command of a command: `encrypt` is `secrets encrypt`."""
    for below in _commands(parser).values():
        if word in _commands(below):
            yield f"{below.prog} {word}"
