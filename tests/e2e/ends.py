"""What a deployment came to, without what is drawn or measured: two runs that reached the same end have the same."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import yaml

from tests.e2e.neighbours import held, is_theirs
from tests.e2e.points import DRAWN

#: Times, counts, and what says how a run went rather than what it made.
PASSING = {
    "events",
    "event_history",
    "api_calls",
    "durations",
    "run",
    "serial",
    "seconds",
    "created_at",
    "detail",
    "generation",
    "claim",
    # What the last look found: the command that goes on does not look again, and `status` calls it outdated.
    "validation",
}
#: Drawn at random; whether they stay what they were is another question (`identity`).
RANDOM = {
    "public_key",
    "private_key",
    "host_key",
    "host_private_key",
    "lineage",
    "correlation_id",
    "config_digest",
}
ADDRESS = re.compile(r"\b(?:\d{1,3}\.){3}\d{1,3}\b")


def load(workspace: Path) -> dict[str, Any]:
    """The state as any YAML parser reads it."""
    document: dict[str, Any] = yaml.safe_load((workspace / "deployment-state.yaml").read_text())
    return document


def essence(value: Any, key: str = "") -> Any:
    """`value` without what differs between two undisturbed runs."""
    if isinstance(value, dict):
        return {
            DRAWN.sub("ID", name): essence(each, name)
            for name, each in value.items()
            if name not in PASSING and not name.endswith("_at") and not name.startswith("last_")
        }
    if isinstance(value, list):
        return [essence(each) for each in value]
    if isinstance(value, str):
        if key in RANDOM:
            return "drawn"
        text = DRAWN.sub("ID", value)
        return ADDRESS.sub("ADDRESS", text) if key in ("public_ip", "endpoint") else text
    return value


def differences(found: Any, expected: Any, path: str = "") -> list[str]:
    """Where two essences differ, in words."""
    if isinstance(found, dict) and isinstance(expected, dict):
        return [
            line
            for key in sorted(found.keys() | expected.keys())
            for line in differences(found.get(key), expected.get(key), f"{path}.{key}".lstrip("."))
        ]
    return (
        []
        if found == expected
        else [f"{path}: {found!r:.200}, not {expected!r:.200} as after an undisturbed run"]
    )


def files(workspace: Path) -> frozenset[str]:
    """What lies in the workspace, but for the rehearsal cloud and the state's own history."""
    found = (path.relative_to(workspace).as_posix() for path in workspace.rglob("*") if path.is_file())
    return frozenset(
        DRAWN.sub("ID", each)
        for each in found
        if not each.startswith(".rehearsal/") and "deployment-state." not in each
    )


def world(workspace: Path) -> dict[str, Any]:
    """What the cloud holds."""
    held: dict[str, Any] = json.loads((workspace / ".rehearsal" / "world.json").read_text())
    return held


def creations(workspace: Path) -> Counter[str]:
    """How often the cloud made each thing."""
    return Counter(DRAWN.sub("ID", each["id"].lower()) for each in world(workspace)["creations"])


def holds(workspace: Path) -> set[str]:
    """Every group, resource and deployment record that exists now."""
    return held(workspace / ".rehearsal")


def orphans(workspace: Path) -> list[str]:
    """Resources of the cloud that the state does not know; a disk goes with its VM."""
    known = {text.lower() for text in _strings(load(workspace)["azure_resources"])}
    made = [str(each).lower() for each in world(workspace)["resources"]]
    return [each for each in made if each not in known and _owner(each) not in known and not is_theirs(each)]


def _owner(resource: str) -> str:
    return resource.replace("/disks/", "/virtualmachines/").removesuffix("osdisk")


def _strings(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for each in value.values() for text in _strings(each)]
    return [value] if isinstance(value, str) else []


def accepted(workspace: Path) -> int:
    """How many deployments ARM took as new."""
    log = (workspace / ".rehearsal" / "requests.jsonl").read_text().splitlines()
    lines = [json.loads(line) for line in log]
    return sum(
        1
        for line in lines
        if line["method"] == "PUT" and line["status"] == 201 and "/deployments/" in line["path"]
    )
