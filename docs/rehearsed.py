"""What only a deployment can tell: how many ARM requests it takes, and what it looks like.

Everything runs through the command line, on the rehearsal cloud of a scratch workspace.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from k0rdent_azure.phases.begin import LEDGER_NAME
from k0rdent_azure.state.model import PHASE_NAMES

#: Real seconds after which a command is called hung.
HUNG = 600
SEED = "7"
#: Workers beside the production template's three controllers, by the number of VMs that makes.
SIZES = {5: 2, 50: 47}


@dataclass(frozen=True)
class Rehearsal:
    """The command line in a scratch workspace, which is its current directory: no path shows in a picture."""

    workspace: Path
    speed: str

    @property
    def environment(self) -> dict[str, str]:
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("K0RDENT_", "AZURE_"))}
        own = {"K0RDENT_AZURE_REHEARSAL_SPEED": self.speed, "K0RDENT_AZURE_REHEARSAL_SEED": SEED}
        return inherited | own

    def start(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "k0rdent_azure", *words],
            cwd=self.workspace,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, *words: str) -> str:
        process = self.start(*words)
        out, _ = process.communicate(timeout=HUNG)
        if process.returncode:
            raise RuntimeError(f"k0rdent-azure {' '.join(words)} ended with {process.returncode}")
        return out

    def requests(self) -> list[str]:
        """The cloud's own log: each request without what differs from deployment to deployment."""
        lines = [json.loads(line) for line in self.run("rehearse", "log", "--json").splitlines()]
        return [f"{line['method']} {_kind(line['path'])}" for line in lines]


@contextmanager
def rehearsal(speed: str) -> Iterator[Rehearsal]:
    with tempfile.TemporaryDirectory() as folder:
        made = Rehearsal(Path(folder), speed)
        made.run("init", "--template", "production", "--cloud", "rehearsal", "--yes")
        try:
            yield made
        finally:
            made.run("rehearse", "stop")


def _kind(path: str) -> str:
    """`/subscriptions/…/deployments/k0rdent-abc?api-version=…` as `deployments/{name}`, a list as what it lists."""
    parts = path.partition("?")[0].strip("/").split("/")
    return f"{parts[-2]}/{{name}}" if len(parts) % 2 == 0 else parts[-1]


def calls() -> str:
    """Both ledgers of a clean deployment and its destruction, for each size, as tables."""
    ours: dict[int, Mapping[str, int]] = {}
    theirs: dict[int, Counter[str]] = {}
    for vms, workers in SIZES.items():
        ours[vms], theirs[vms] = _measure(workers)
        if sum(ours[vms].values()) != theirs[vms].total():
            raise RuntimeError(f"the ledgers disagree: {ours[vms]}, {theirs[vms]}")
    steps = (LEDGER_NAME, *PHASE_NAMES)
    phases = {phase: [ours[vms].get(phase, 0) for vms in SIZES] for phase in (*steps, "destroy")}
    kinds = dict.fromkeys(kind for counts in theirs.values() for kind in counts)
    requests = {f"`{kind}`": [theirs[vms][kind] for vms in SIZES] for kind in kinds}
    deploy = [sum(counts) for counts in zip(*(phases[step] for step in steps), strict=True)]
    rows = {
        **{f"`{step}`": phases[step] for step in steps},
        "**a whole deployment**": deploy,
        "`destroy`": phases["destroy"],
    }
    total = [theirs[vms].total() for vms in SIZES]
    return "\n".join(
        [
            "Our ledger: `api_calls.by_phase` in the state file.",
            "",
            *_table("phase", rows),
            "",
            "The cloud's ledger: every request that it answered, from `rehearse log --json`.",
            "",
            *_table("request", {**requests, "**deployment and destroy**": total}),
        ]
    )


def _measure(workers: int) -> tuple[Mapping[str, int], Counter[str]]:
    with rehearsal(speed="60") as made:
        made.run("deploy", "--yes", "--quiet", "--set", f"cluster.workers.count={workers}")
        made.run("destroy", "--yes", "--quiet")
        (archived,) = made.workspace.glob("archive/*/deployment-state.yaml")
        shutil.move(archived, made.workspace)
        by_phase: Mapping[str, int] = json.loads(made.run("state", "get", "api_calls.by_phase", "--json"))
        return by_phase, Counter(made.requests())


def _table(what: str, rows: Mapping[str, list[int]]) -> Iterator[str]:
    yield f"| {what} | {' | '.join(f'{vms} VMs' for vms in SIZES)} |"
    yield f"| --- |{' ---: |' * len(SIZES)}"
    yield from (f"| {name} | {' | '.join(map(str, counts))} |" for name, counts in rows.items())


def draw(folder: Path, *, speed: str = "60") -> None:
    """`deploy.svg`, taken in the middle of a deployment, and `status.svg` at its end."""
    folder.mkdir(exist_ok=True)
    with rehearsal(speed) as made:
        picture = made.workspace / "picture.svg"
        process = made.start("deploy", "--yes", "--quiet", "--svg", str(picture))
        try:
            _wait(lambda: _is_worth_a_picture(made), process)
            _copy(picture, folder / "deploy.svg")
            process.communicate(timeout=HUNG)
        finally:
            process.kill()
        made.run("status", "--svg", str(picture))
        _copy(picture, folder / "status.svg")


def _is_worth_a_picture(made: Rehearsal) -> bool:
    """Every VM is up, and each does something else."""
    state = made.workspace / "deployment-state.yaml"
    return state.exists() and 'step: "k0sctl: Install workers"' in state.read_text(encoding="utf-8")


def _wait(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + HUNG
    while not condition():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError("the deployment ended before there was anything to draw")
        time.sleep(0.05)
    # The picture is at most half a second behind the state.
    time.sleep(0.7)


def _copy(source: Path, target: Path) -> None:
    target.write_text(source.read_text(encoding="utf-8"), encoding="utf-8")
