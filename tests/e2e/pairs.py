"""The commands of the two-command matrix: how a workspace comes to where each can be killed, and what is typed then."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.forked import KILLED, Forked
from tests.e2e.matrix import done, told
from tests.e2e.neighbours import TEAM
from tests.e2e.points import STATE, Points

#: Stands for the snapshot that the workspaces were made with, and for the recipient of its keys.
SNAPSHOT, RECIPIENT = "SNAPSHOT", "RECIPIENT"
WORKER, CONTROLLER = "k0s-worker-1", "k0s-controller-2"
DEPLOY = ("deploy", "--yes")
RESUME = ("resume", "--yes")
DESTROY = ("destroy", "--yes")
REPAIR = ("validate", "--repair", "--yes")
ENCRYPT = ("secrets", "encrypt", "--recipient", RECIPIENT)
DRIFT = (
    ("rehearse", "fault", "vm-deleted", "--vm", WORKER),
    ("rehearse", "fault", "tags-removed", "--resource", "k0s-controller-3"),
)
#: In the middle of a deployment the VMs are there, and nothing is on them; what is rolled back to is this.
MIDDLE = "commit cluster_setup #1 after"


@dataclass(frozen=True)
class Command:
    """One of the matrix. As the first it is killed in a workspace as `base` makes it.

    As the second it is typed after `prelude`, whose commands may be refused. In a group of the user's `in_group` is
    said, too.
    """

    words: tuple[str, ...]
    base: str = "complete"
    prelude: tuple[tuple[str, ...], ...] = ()
    in_group: tuple[str, ...] = ()

    def typed(self, names: dict[str, str], *, group: bool) -> tuple[str, ...]:
        """The words, with what `names` stand for."""
        return tuple(names.get(word, word) for word in (*self.words, *(self.in_group if group else ())))


COMMANDS = {
    "deploy": Command(DEPLOY, base="empty"),
    "resume": Command(RESUME, base="middle"),
    "replace worker": Command(("replace", f"vm/{WORKER}", "--yes")),
    "replace controller": Command(("replace", f"vm/{CONTROLLER}", "--yes")),
    "repair": Command(REPAIR, base="drifted", prelude=DRIFT[:1]),
    "rollback": Command(("rollback", SNAPSHOT, "--apply", "--yes")),
    "recover": Command(
        ("recover", "--from-azure", "--trust-hosts", "--yes"),
        base="lost",
        in_group=("--resource-group", TEAM),
    ),
    "rekey": Command(("recover", "--rekey", "--yes")),
    "rotate": Command(("secrets", "rotate", "--recipient", RECIPIENT), base="sealed", prelude=(ENCRYPT,)),
    "prune": Command(("snapshot", "prune", "--keep", "1", "--yes")),
    "destroy": Command(DESTROY),
}


def _begin(product: Forked, names: dict[str, str]) -> None:
    """Configured; nothing is asked of Azure."""


def _middle(product: Forked, names: dict[str, str]) -> None:
    killed = product.run(*DEPLOY, points=Points(MIDDLE, None))
    if killed.code != KILLED:
        raise RuntimeError(told(killed))
    taken = product.run("snapshot", "create", "--reason", "to go back to")
    done(taken)
    names[SNAPSHOT] = taken.said.split()[-1]


def _complete(product: Forked, names: dict[str, str]) -> None:
    done(product.run(*RESUME))
    done(product.run("snapshot", "create", "--reason", "complete"))


def _drifted(product: Forked, names: dict[str, str]) -> None:
    for words in DRIFT:
        done(product.run(*words))


def _lost(product: Forked, names: dict[str, str]) -> None:
    """The file and the version before it are gone; snapshots, keys and what is in Azure are left."""
    for name in (STATE, f"{STATE}.backup"):
        (product.workspace / name).unlink()


def _sealed(product: Forked, names: dict[str, str]) -> None:
    done(product.run(*(names.get(word, word) for word in ENCRYPT)))


#: Name -> the base that it is made from, and how.
BASES: dict[str, tuple[str, Callable[[Forked, dict[str, str]], None]]] = {
    "empty": ("", _begin),
    "middle": ("empty", _middle),
    "complete": ("middle", _complete),
    "drifted": ("complete", _drifted),
    "lost": ("complete", _lost),
    "sealed": ("complete", _sealed),
}


def three_controllers(workspace: Path) -> None:
    """Say in the configuration that there are three, so that one of them can go."""
    path = workspace / "k0rdent.yaml"
    text = path.read_text()
    changed, found = re.subn(r"(  controllers:\n(?: *#.*\n)*    count: )1\n", r"\g<1>3\n", text)
    if not found:
        raise RuntimeError("the template says it in another way")
    path.write_text(changed)
