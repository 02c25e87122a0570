"""Goes on as a person would who reads what the program says: with the command, or with the one in its hint."""

from __future__ import annotations

import re
import shlex
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.e2e.forked import Ended, Forked

#: So many hints a person follows before giving up.
PATIENCE = 3
HINT = re.compile(r"^hint: (.*)$", re.MULTILINE)
COMMAND = re.compile(r"k0rdent-azure (?:-C \S+ )?([a-z][^;,()]*)")
#: Commands that ask before they change something.
ASKING = {"deploy", "resume", "replace", "destroy", "rollback"}
#: Whoever calls for this knows that the hosts of the rehearsal are who they say.
REBUILD = ("--trust-hosts",)
#: Of a rollback whose keys were replaced since.
ONLY = "--only k0rdent"
#: What takes etcd down on purpose; exit codes of a command that was refused, so that it took nothing down.
ON_PURPOSE = ("destroy", "rollback")
REFUSED = (2, 3, 4, 5, 9, 10)


@dataclass
class Onward:
    """What a person typed, when, and how it ended."""

    product: Forked
    said: list[tuple[float, Ended]] = field(default_factory=list)

    def type(self, *words: str) -> Ended:
        began = time.time()
        ended = self.product.run(*words)
        self.said.append((began, ended))
        return ended

    def reach(self, words: tuple[str, ...]) -> bool:
        """Type `words`; if they are refused, what the hint says, and `words` again. Whether either reached its end."""
        ended = self.type(*words)
        for _ in range(PATIENCE):
            if ended.code == 0:
                return True
            hinted = way_on(ended)
            if hinted is None or hinted == words:
                return False
            helped = self.type(*hinted)
            if helped.code:
                ended = helped
                continue
            ended = self.type(*words)
            if ended.code and way_on(ended) == hinted:
                # Refused for good, and what it named instead is done.
                return True
        return ended.code == 0

    @property
    def story(self) -> str:
        return "; then ".join(
            f"`{' '.join(each.words)}` exit {each.code}" + (f": {_last(each.said)}" if each.code else "")
            for _, each in self.said
        )


def way_on(ended: Ended) -> tuple[str, ...] | None:
    """What the hint says to type; options that it names are taken over from the command, or added to it."""
    if ONLY in ended.said.splitlines()[-1] and ONLY not in " ".join(ended.words):
        return (*ended.words, *ONLY.split())
    hinted = hint_of(ended)
    if hinted is not None and hinted[:2] == ("secrets", "encrypt") and ended.words[0] == "secrets":
        return (*hinted, *ended.words[2:])
    return hinted


def hint_of(ended: Ended) -> tuple[str, ...] | None:
    """The command that the last hint names, with `--yes` if it would ask; None without one."""
    hints = HINT.findall(ended.said)
    found = COMMAND.search(hints[-1]) if hints else None
    if found is None:
        return None
    return confirmed(shlex.split(found[1].strip().rstrip(".").replace("'", "")))


def confirmed(words: Sequence[str]) -> tuple[str, ...]:
    """`words`, said yes to."""
    asks = words[0] in ASKING or words[:2] == ["validate", "--repair"] or words[0] == "recover"
    more = REBUILD if "--from-azure" in words else ()
    return (*words, *more, *(("--yes",) if asks and "--yes" not in words else ()))


def takes_etcd_down(ended: Ended) -> bool:
    """Whether that command was to take etcd down, and was not refused."""
    return ended.words[0] in ON_PURPOSE and ended.code not in REFUSED


def _last(said: str) -> str:
    lines = [line for line in said.splitlines() if line.startswith(("error", "hint"))]
    return " / ".join(lines or said.splitlines()[-3:])[-700:]
