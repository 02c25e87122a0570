"""Lets each fault meet each ARM request of a deployment and of a destroy, and looks at what it comes to.

    python -m tests.e2e.fault_matrix FOLDER [--group] [--jobs 2] [--sample 12 --seed 3] [--cell NAME]

Either the run completes, or it ends `failed` with the cause in words and the next one completes once the fault is
over. Both times: the end is that of an undisturbed run, nothing is made twice, nothing is orphaned. With --group the
deployment is in a group of the user's, beside strangers, of whom no byte changes.
"""

from __future__ import annotations

import json
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from k0rdent_azure.rehearsal import faults
from k0rdent_azure.rehearsal.faults import Fault
from tests.e2e import ends
from tests.e2e.forked import Ended, Forked
from tests.e2e.matrix import (
    DEPLOY,
    DESTROY,
    NO_STATE,
    RESUME,
    End,
    Result,
    Scenario,
    Stage,
    arguments,
    begin,
    judge,
    report,
    share_out,
    told,
)
from tests.e2e.points import STATE

SCENARIOS = {"deploy": Scenario((), DEPLOY, RESUME), "destroy": Scenario((DEPLOY,), DESTROY, DESTROY)}
#: A VM that faults of provisioning choose.
VM = "k0s-worker-1"
#: Exit codes of a run that ends for a cause outside: Azure, a host, the cluster.
OUTSIDE = (6, 7, 8)

#: Name -> the fault once, and words of which one must be in the message of a run that it ends.
ANSWERS: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "429 with Retry-After": ({"kind": "http", "status": 429, "retry_after": 30}, ("429", "Throttled")),
    "429 with a long Retry-After": (
        {"kind": "http", "status": 429, "retry_after": 3600},
        ("429", "Throttled"),
    ),
    "429": ({"kind": "http", "status": 429}, ("429", "Throttled")),
    "500": ({"kind": "http", "status": 500}, ("500", "InternalServerError")),
    "503": ({"kind": "http", "status": 503}, ("503", "ServerUnavailable")),
    "reset before": ({"kind": "disconnect", "when": "before"}, ("no complete answer", "reach")),
    "reset after": ({"kind": "disconnect", "when": "after"}, ("no complete answer", "reach")),
    "time-out before": ({"kind": "timeout", "when": "before"}, ("no complete answer", "reach")),
    "time-out after": ({"kind": "timeout", "when": "after"}, ("no complete answer", "reach")),
    "half response": ({"kind": "partial"}, ("no complete answer", "reach")),
    "malformed JSON": ({"kind": "malformed"}, ("not ARM's JSON", "no error in ARM's form")),
    "expired token": ({"kind": "expired-token"}, ("401", "ExpiredAuthenticationToken")),
    "clock skew": ({"kind": "clock-skew", "seconds": 7200.0}, ()),
}
PUTS: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "DeploymentActive": ({"kind": "DeploymentActive", "path": "/deployments/"}, ("DeploymentActive",)),
    "ResourceGroupBeingDeleted": (
        {"kind": "ResourceGroupBeingDeleted", "path": "/deployments/"},
        ("ResourceGroupBeingDeleted",),
    ),
}
PROVISIONING = (
    "AllocationFailed",
    "ZonalAllocationFailed",
    "OverconstrainedZonalAllocationRequest",
    "SkuNotAvailable",
    "QuotaExceeded",
)
TAKEN = ("vm-evicted", "vm-deallocated", "vm-stopped", "vm-deleted")


@dataclass(frozen=True)
class Cell:
    """A fault at a place. `again` is a VM that may be made once more because of it."""

    name: str
    scenario: str
    fault: dict[str, Any]
    causes: tuple[str, ...]
    again: str = ""


def cells(requests: dict[str, int]) -> Iterator[Cell]:
    """All of them; `requests` is how many ARM requests an undisturbed run of each scenario has."""
    for scenario, count in requests.items():
        for name, (fault, causes) in ANSWERS.items():
            for at in range(1, count + 1):
                yield Cell(f"{scenario}: {name}, request {at}", scenario, fault | {"at": at}, causes)
                lasting = fault | {"at": at, "times": None}
                yield Cell(f"{scenario}: {name}, from request {at} on", scenario, lasting, causes)
    for name, (fault, causes) in PUTS.items():
        yield Cell(f"deploy: {name}", "deploy", fault | {"method": "PUT"}, causes)
    for kind in PROVISIONING:
        for times in (1, None):
            once = "once" if times else "for good"
            fault = {"kind": kind, "vm": VM, "times": times}
            yield Cell(f"deploy: {kind} {once}", "deploy", fault, (kind, "quota"), VM)
    for kind in TAKEN:
        for at in range(2, requests["deploy"] + 1):
            fault = {"kind": kind, "vm": VM, "at": at}
            yield Cell(f"deploy: {kind} at request {at}", "deploy", fault, (VM,), VM)
    for at in range(1, 5):
        for times in (1, 3):
            fault = {"kind": "ssh-unreachable", "vm": VM, "at": at, "times": times}
            yield Cell(f"deploy: connection {at} fails, {times} in a row", "deploy", fault, (VM,))


class Disturbance:
    """One kind of run for each scenario, from prepared stages."""

    def __init__(self, folder: Path, scenarios: dict[str, Scenario]) -> None:
        self.folder = folder
        self.stages = {name: Stage(scenario, folder / name) for name, scenario in scenarios.items()}
        self.ends: dict[str, End] = {}

    def prepare(self) -> dict[str, int]:
        """How many ARM requests each undisturbed run has."""
        counts = {}
        for name, stage in self.stages.items():
            points, self.ends[name] = stage.prepare()
            counts[name] = sum(
                1 for point in points if point.startswith("arm ") and point.endswith(" before")
            )
        return counts

    def run(self, cell: Cell, workspace: str) -> Result:
        started = time.monotonic()
        stage, end = self.stages[cell.scenario], self.ends[cell.scenario]
        with stage.copy(workspace) as product:
            directory = product.workspace / ".rehearsal"
            faults.add(directory, Fault(**cell.fault))
            disturbed = product.run(*stage.scenario.command)
            left = faults.list_faults(directory)
            met = not left or left[0].at == 1
            faults.clear(directory)
            failures = list(self.after(cell, product, disturbed, end))
        if failures:
            stage.keep(workspace, failures)
        outcome = "completed" if disturbed.code == 0 else f"failed with {disturbed.code}"
        return Result(cell.name, met, outcome, round(time.monotonic() - started, 1), failures)

    def after(self, cell: Cell, product: Forked, disturbed: Ended, end: End) -> Iterator[str]:
        """What is wrong with how it ended, with what it says, and with where the next run comes to."""
        known = ends.load(product.workspace) if (product.workspace / STATE).exists() else None
        if product.run("state", "check").code not in (0, NO_STATE):
            yield "state check finds something"
        if disturbed.code:
            yield from failed_in_words(cell, product, disturbed)
            finished = product.run(*self.stages[cell.scenario].scenario.onward)
            if finished.code:
                yield told(finished)
        yield from judge(product.workspace, known, end, again=cell.again)


def failed_in_words(cell: Cell, product: Forked, disturbed: Ended) -> Iterator[str]:
    """What is missing of: an exit code for its cause, the cause in words, `failed` in the state, what to do now."""
    if disturbed.code not in OUTSIDE or "internal error" in disturbed.said:
        yield told(disturbed)
    if not any(word in disturbed.said for word in cell.causes):
        yield f"says nothing of {cell.causes}: {disturbed.said[-500:]}"
    if cell.scenario == "deploy":
        status = json.loads(product.run("status", "--json").said)
        if status["status"] != "failed" or not status["failure"]["message"]:
            yield f"status is {status['status']} with {status['failure']}"
        if "resume" not in disturbed.said and "go on with: k0rdent-azure" not in disturbed.said:
            yield "does not name the command that goes on"


def drawn(every: dict[str, Cell], names: list[str], size: int, seed: int) -> list[str]:
    """A sample, half of it of faults that last: those end a run, while most that happen once do not."""
    draw = random.Random(seed)
    lasting = [name for name in names if every[name].fault.get("times", 1) is None]
    chosen = draw.sample(lasting, min(len(lasting), size // 2))
    rest = [name for name in names if name not in lasting]
    return [*chosen, *draw.sample(rest, min(len(rest), size - len(chosen)))]


def main() -> int:
    parser = arguments("fault_matrix", "cells")
    parser.add_argument("--cell", help="only those with this in their name")
    parser.add_argument("--group", action="store_true", help="in a group of the user's")
    args = parser.parse_args()
    started = begin(args)
    scenarios = {name: replace(each, group=args.group) for name, each in SCENARIOS.items()}
    matrix = Disturbance(args.folder, scenarios)
    every = {cell.name: cell for cell in cells(matrix.prepare())}
    chosen = [name for name in every if not args.cell or args.cell in name]
    if args.sample:
        chosen = drawn(every, chosen, args.sample, args.seed)
    results = share_out(
        chosen, lambda name, workspace: matrix.run(every[name], workspace), args.folder, args.jobs
    )
    figures: dict[str, object] = {
        "cells": len(every),
        "met": sum(each.met for each in results),
        "outcomes": Counter(each.outcome for each in results),
    }
    return report(results, figures, since=started)


if __name__ == "__main__":
    sys.exit(main())
