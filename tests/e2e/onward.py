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
#: Nobody says this without a look at what it names.
HARSH = "--delete-foreign"
#: What begins a deployment.
BEGINNINGS = ("init", "deploy")
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
        """Type `words`; if they are refused, what the hint says, and `words` again. Whether either reached its end.

        Once there is no deployment any more, nothing is begun in its place.
        """
        ended = self.type(*words)
        for _ in range(PATIENCE):
            if ended.code == 0:
                return True
            hinted = [each for each in ways_on(ended) if each != words]
            if not hinted or (hinted[0][0] in BEGINNINGS and words[0] not in BEGINNINGS):
                return bool(hinted)
            helped = self._help(hinted)
            if helped.code:
                ended = helped
                continue
            ended = self.type(*words)
            if ended.code and helped.words in ways_on(ended):
                # Refused for good, and what it named instead is done.
                return True
        return ended.code == 0

    def _help(self, hinted: Sequence[tuple[str, ...]]) -> Ended:
        """The first of these that reaches its end; otherwise the first."""
        first = self.type(*hinted[0])
        for words in (each for each in hinted[1:] if each[0] != "destroy"):
            if first.code == 0:
                break
            other = self.type(*words)
            if other.code == 0:
                return other
        return first

    @property
    def story(self) -> str:
        return "; then ".join(
            f"`{' '.join(each.words)}` exit {each.code}" + (f": {_last(each.said)}" if each.code else "")
            for _, each in self.said
        )


def ways_on(ended: Ended) -> list[tuple[str, ...]]:
    """The commands that the last hint names, with `--yes` if they would ask.

    Options that it names are taken over from the command, or added to it.
    """
    hints = HINT.findall(ended.said)
    if not hints:
        return []
    if ONLY in hints[-1] and ONLY not in " ".join(ended.words):
        return [(*ended.words, *ONLY.split())]
    # With another configuration it would be another deployment.
    first = hints[-1].partition("; or, for another configuration")[0]
    found = [
        confirmed(shlex.split(each.strip().rstrip(".").replace("'", ""))) for each in COMMAND.findall(first)
    ]
    return [
        (*each, *ended.words[2:]) if each[:2] == ("secrets", "encrypt") else each
        for each in found
        if HARSH not in each
    ]


def confirmed(words: Sequence[str]) -> tuple[str, ...]:
    """`words`, said yes to."""
    asks = words[0] in (*ASKING, "recover") or "--repair" in words
    more = REBUILD if "--from-azure" in words else ()
    return (*words, *more, *(("--yes",) if asks and "--yes" not in words else ()))


def takes_etcd_down(ended: Ended) -> bool:
    """Whether that command was to take etcd down, and was not refused."""
    return ended.words[0] in ON_PURPOSE and ended.code not in REFUSED


def _last(said: str) -> str:
    lines = [line for line in said.splitlines() if line.startswith(("error", "hint"))]
    return " / ".join(lines or said.splitlines()[-3:])[-700:]
