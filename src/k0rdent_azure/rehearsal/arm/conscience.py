"""What a deployer did to what it did not make: the cloud's conscience, one line for each harm.

A deployer may change and delete what it made itself. It does harm with a request that changes or takes along anything
that another deployment or somebody made, that drops what others added to a thing of its own, or that leaves an etcd
without its majority. Whether ARM let it happen, and whether it was asked for by name, by template or by the deletion of
a group, does not matter: the world before the request is compared with the world after it.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import msgspec

from k0rdent_azure.rehearsal.arm import actors, additions, etcd
from k0rdent_azure.rehearsal.arm.call import Call
from k0rdent_azure.rehearsal.records import Deployment, Group, Resource

FILE = "conscience.jsonl"
#: A file that takes the lines of every cloud that sees this variable, in place of the one beside its world.
VARIABLE = "K0RDENT_AZURE_REHEARSAL_CONSCIENCE"

Record = Resource | Group | Deployment


class Harm(msgspec.Struct, frozen=True, kw_only=True):
    """`stranger`: a thing of another maker's was changed or deleted; `addition`: what others added to one's own was
    dropped; `quorum`: an etcd lost its majority. `what` says how, `resource` is an id."""

    kind: Literal["stranger", "addition", "quorum"]
    request: str
    resource: str
    actor: str
    maker: str
    what: str


def read(path: Path) -> list[Harm]:
    """All harm in such a file, oldest first."""
    if not path.exists():
        return []
    return [msgspec.json.decode(line, type=Harm) for line in path.read_bytes().splitlines()]


@contextlib.contextmanager
def watching(call: Call) -> Iterator[None]:
    """Note what the request in this block does, also if it is refused in the end."""
    if call.method in ("GET", "HEAD") or not actors.is_deployer(call.actor):
        yield
        return
    before = {key: msgspec.json.encode(each) for key, each in call.world.everything().items()}
    clusters = etcd.clusters(call.world)
    try:
        yield
    finally:
        harm = [*_touched(call, before), *_without_majority(call, clusters)]
        _write(call.world.directory, harm)


def _touched(call: Call, before: dict[str, bytes]) -> Iterator[Harm]:
    now = call.world.everything()
    for key, old in before.items():
        record = now.get(key)
        if record is not None and msgspec.json.encode(record) == old:
            continue
        was = _decode(key, old)
        if was.maker not in ("", call.actor):
            yield _harm(call, "stranger", was, _how(was, record))
        elif was.maker and record is not None and not isinstance(record, Deployment):
            yield from _dropped(call, was, record)
    for record in now.values():
        if not isinstance(record, Deployment) and record.own is None and record.maker == call.actor:
            record.own = sorted(additions.parts(record))


def _dropped(call: Call, was: Record, record: Resource | Group) -> Iterator[Harm]:
    """What others had added to it, unless all of it goes."""
    if isinstance(was, Deployment) or was.own is None or record.deleting_at is not None:
        return
    old, new = additions.parts(was), additions.parts(record)
    foreign = set(old) - set(was.own)
    for path in sorted(foreign):
        if path not in new:
            yield _harm(call, "addition", was, f"{path} is gone")
        elif new[path] != old[path]:
            yield _harm(call, "addition", was, f"{path} is another one")
    record.own = sorted(set(new) - foreign)


def _without_majority(call: Call, before: list[etcd.Etcd]) -> Iterator[Harm]:
    """What `destroy` ends, it ends on purpose, and so does whoever deletes a group as a whole."""
    if call.command == "destroy" or (call.method == "DELETE" and "type" not in call.part):
        return
    after = {each.identifier: each for each in etcd.clusters(call.world)}
    for cluster in before:
        left = cluster.up & after[cluster.identifier].up
        if len(cluster.up) * 2 > cluster.size >= len(left) * 2:
            lost = ", ".join(sorted(name for name, *_ in cluster.up - left))
            yield Harm(
                kind="quorum",
                request=f"{call.method} {call.path}",
                resource=call.path,
                actor=call.actor,
                maker="",
                what=f"{len(left)} of {cluster.size} members of etcd are up without {lost}",
            )


def _harm(call: Call, kind: Literal["stranger", "addition"], was: Record, what: str) -> Harm:
    request = f"{call.method} {call.path}"
    return Harm(kind=kind, request=request, resource=was.id, actor=call.actor, maker=was.maker, what=what)


def _how(was: Record, record: Record | None) -> str:
    if record is None:
        return "gone"
    if isinstance(record, Deployment) or isinstance(was, Deployment):
        return "changed"
    if record.deleting_at is not None and was.deleting_at is None:
        return "deleted"
    if isinstance(was, Resource) and isinstance(record, Resource) and was.boot != record.boot:
        return "switched"
    return "changed"


def _decode(key: str, content: bytes) -> Record:
    if "/deployments/" in key:
        return msgspec.json.decode(content, type=Deployment)
    return msgspec.json.decode(content, type=Resource if "/providers/" in key else Group)


def _write(directory: Path, harm: list[Harm]) -> None:
    if not harm:
        return
    path = Path(os.environ.get(VARIABLE) or directory / FILE)
    with path.open("a", encoding="utf-8") as file:
        file.writelines(json.dumps(msgspec.to_builtins(each)) + "\n" for each in harm)
