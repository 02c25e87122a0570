"""Runs one command of the product and kills it at a named point; without one, writes down all points that it passes.

    python -m tests.e2e.points --list FILE -- -C DIR deploy --yes
    python -m tests.e2e.points --kill 'ssh run k0s-worker-1: sudo -n true #1 before' -- -C DIR deploy --yes

A point is the moment before or after one act at the product's edge: an ARM request (each attempt of it), an SSH
probe or command (on a host or on the gateway), a commit of the state (the rename that makes it so) or its removal,
a snapshot that is written or removed, a file beside it, the start of a tool. Nothing in the product knows of this: its
edges are wrapped in this process.

The name of a point is what is done, which time it is that this is done, and before or after. Operations on several
hosts come in another order in each run, so they are counted for each host and command, never across them: the name of a
point means the same in every run. Only how often something is repeated while the product waits differs with time.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from k0rdent_azure.azure.transport import CloudTransport
from k0rdent_azure.cli.main import main
from k0rdent_azure.hosts.ssh import SshRunner, Target
from k0rdent_azure.state import inside
from k0rdent_azure.state.files import SystemFiles

STATE = "deployment-state.yaml"
#: What the name of the folder with its snapshots ends with.
SNAPSHOTS = ".snapshots"
#: Characters of a command that go into a name; what follows tells no two commands of one host apart.
SHOWN = 60
#: What differs between two deployments: their ids, and what is drawn at random.
DRAWN = re.compile(r"\b(?:k0rdent-|wgk0)[a-z0-9]{8}\b|\b[0-9a-f]{8}-[0-9a-f-]{27}\b|\b[0-9a-f]{32,}\b")
PHASE = re.compile(rb'deployment_phase: "(\w+)"')


@dataclass
class Points:
    """Counts what is done; at the point `kill`, or at the `nth`, the process ends as if its power was cut."""

    kill: str | None
    listed: Path | None
    nth: int | None = None
    reached: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    started: float = field(default_factory=time.monotonic)

    def begin(self, what: str) -> str:
        """Before something is done; returns its name with its number."""
        name = DRAWN.sub("ID", what)
        self.counts[name] += 1
        name = f"{name} #{self.counts[name]}"
        self.reach(f"{name} before")
        return name

    def end(self, name: str) -> None:
        self.reach(f"{name} after")

    def reach(self, point: str) -> None:
        if self.listed is not None:
            with self.listed.open("a") as out:
                out.write(f"{time.monotonic() - self.started:.2f} {point}\n")
        self.reached += 1
        if point == self.kill or self.reached == self.nth:
            os.kill(os.getpid(), signal.SIGKILL)


def install(points: Points) -> None:
    """Wrap the product's edges in this process."""
    _wrap_arm(points)
    _wrap_ssh(points)
    _wrap_commits(points)
    _wrap_files(points)
    _wrap_tools(points)


def _wrap_arm(points: Points) -> None:
    original: Callable[..., Awaitable[Any]] = CloudTransport.send

    async def send(self: CloudTransport, request: Any, **options: Any) -> Any:
        path = re.sub(r"^/subscriptions/[^/]+", "", unquote(urlsplit(request.url).path))
        name = points.begin(f"arm {request.method} {path}")
        answer = await original(self, request, **options)
        points.end(name)
        return answer

    CloudTransport.send = send  # type: ignore[method-assign]


def _wrap_ssh(points: Points) -> None:
    probe, run = SshRunner.probe, SshRunner.run

    async def counted_probe(self: SshRunner, target: Target) -> bool:
        name = points.begin(f"ssh probe {target.name}")
        found = await probe(self, target)
        points.end(name)
        return found

    async def counted_run(self: SshRunner, target: Target, command: str, **options: Any) -> Any:
        name = points.begin(f"ssh run {target.name}: {' '.join(command.split())[:SHOWN]}")
        result = await run(self, target, command, **options)
        points.end(name)
        return result

    SshRunner.probe = counted_probe  # type: ignore[method-assign]
    SshRunner.run = counted_run  # type: ignore[method-assign]


def _wrap_commits(points: Points) -> None:
    rename = SystemFiles.rename

    def counted(self: SystemFiles, source: str, target: str) -> None:
        if Path(target).name == STATE:
            found = PHASE.search(Path(source).read_bytes())
            what = f"commit {found[1].decode() if found else '-'}"
        elif Path(target).parent.name.endswith(SNAPSHOTS):
            what = "snapshot"
        else:
            rename(self, source, target)
            return
        name = points.begin(what)
        rename(self, source, target)
        points.end(name)

    unlink = SystemFiles.unlink

    def counted_unlink(self: SystemFiles, path: str) -> None:
        if Path(path).name == STATE:
            what = "removal of the state"
        elif Path(path).parent.name.endswith(SNAPSHOTS) and Path(path).suffix == ".gz":
            what = "removal of a snapshot"
        else:
            unlink(self, path)
            return
        name = points.begin(what)
        unlink(self, path)
        points.end(name)

    SystemFiles.rename = counted  # type: ignore[method-assign]
    SystemFiles.unlink = counted_unlink  # type: ignore[method-assign]


def _wrap_files(points: Points) -> None:
    """Keys, configurations and the kubeconfig, which stand beside the state."""
    rename = inside.rename

    def counted(new: str, name: str, folder: int, path: Path) -> None:
        point = points.begin(f"file {name}")
        rename(new, name, folder, path)
        points.end(point)

    inside.rename = counted


def _wrap_tools(points: Points) -> None:
    """Every k0sctl, however it is started, is a `Popen`; the rehearsal cloud is one too, and no tool."""
    start = subprocess.Popen.__init__

    def counted(self: Any, args: Any, *rest: Any, **options: Any) -> None:
        words = [str(word) for word in args]
        tool = next((n for n, word in enumerate(words) if word.rpartition(".")[2].endswith("k0sctl")), None)
        if tool is None:
            start(self, args, *rest, **options)
            return
        name = points.begin(f"tool k0sctl {words[tool + 1]}")
        start(self, args, *rest, **options)
        points.end(name)

    subprocess.Popen.__init__ = counted  # type: ignore[method-assign]


def _main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.points")
    parser.add_argument("--kill", metavar="POINT")
    parser.add_argument("--list", metavar="FILE", type=Path)
    parser.add_argument("words", nargs=argparse.REMAINDER)
    args = parser.parse_args()
    install(Points(args.kill, args.list))
    return main([word for word in args.words if word != "--"])


if __name__ == "__main__":
    sys.exit(_main())
