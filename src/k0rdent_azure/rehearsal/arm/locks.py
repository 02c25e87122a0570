"""Management locks: what may not be deleted, or not be changed at all, by anybody.

A lock holds for its scope and for all that is in it; what holds a locked thing cannot be deleted either.
Source: https://learn.microsoft.com/azure/azure-resource-manager/management/lock-resources
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import get_args

import msgspec

from k0rdent_azure.rehearsal.arm.arm_errors import ArmError
from k0rdent_azure.rehearsal.arm.arm_resources import find
from k0rdent_azure.rehearsal.arm.call import Answer, Call
from k0rdent_azure.rehearsal.arm.network import mapping
from k0rdent_azure.rehearsal.records import Json, Lock, LockLevel
from k0rdent_azure.rehearsal.world import World

_PROVIDER = "/providers/Microsoft.Authorization/locks"


def check(call: Call) -> None:
    """Raises ArmError (ScopeLocked) for a request that a lock forbids; locks themselves can be changed."""
    if call.method in ("GET", "HEAD") or _PROVIDER.lower() in call.path.lower():
        return
    if call.method == "DELETE":
        check_deletion(call.world, call.path)
    else:
        check_write(call.world, call.path)


def check_write(world: World, scope: str) -> None:
    """Raises ArmError (ScopeLocked) if something at `scope`, an id, cannot be made or changed."""
    _refuse(
        scope, "write", [each for each in world.locks() if each.level == "ReadOnly" and _holds(each, scope)]
    )


def check_deletion(world: World, scope: str) -> None:
    """Raises ArmError (ScopeLocked) if what is at `scope` cannot be deleted."""
    _refuse(scope, "delete", list(deletion_locks(world, scope)))


def deletion_locks(world: World, scope: str) -> Iterator[Lock]:
    """The locks that keep `scope` from being deleted: its own, those above it, and those in it."""
    for each in world.locks():
        if _holds(each, scope) or each.scope.lower().startswith(f"{scope.lower()}/"):
            yield each


def _holds(lock: Lock, scope: str) -> bool:
    return f"{scope.lower()}/".startswith(f"{lock.scope.lower()}/")


def _refuse(scope: str, what: str, locked: list[Lock]) -> None:
    if locked:
        scopes = ",".join(sorted({each.scope for each in locked}))
        raise ArmError(
            409,
            "ScopeLocked",
            f"The scope '{scope}' cannot perform {what} operation because following scope(s) are locked: '{scopes}'. "
            "Please remove the lock and try again.",
        )


def list_all(call: Call) -> Answer:
    """Those of the scope, and of all that is in it."""
    scope = _scope(call).lower()
    return call.page(
        [_shown(each) for each in call.world.locks() if f"{each.scope}/".lower().startswith(f"{scope}/")]
    )


def get(call: Call) -> Answer:
    return Answer(200, _shown(_find(call)))


def put(call: Call) -> Answer:
    level = mapping(call.body, "properties").get("level")
    if level not in get_args(LockLevel):
        raise ArmError(
            400, "InvalidLockLevel", f"The lock level '{level}' is not one of CanNotDelete and ReadOnly."
        )
    scope, name = _scope(call), call.part["lock"]
    lock = msgspec.convert({"scope": scope, "name": name, "level": level}, Lock)
    present = any(_is(each, call) for each in call.world.locks())
    call.world.put_lock(lock)
    call.world.save()
    return Answer(200 if present else 201, _shown(lock))


def delete(call: Call) -> Answer:
    if not any(_is(each, call) for each in call.world.locks()):
        return Answer(204)
    call.world.remove_lock(_find(call))
    call.world.save()
    return Answer(200)


def _scope(call: Call) -> str:
    """Raises ArmError for a group or a resource that is not there."""
    if "type" in call.part:
        return find(call).id
    return call.group().id if "group" in call.part else call.scope


def _is(lock: Lock, call: Call) -> bool:
    return (lock.scope.lower(), lock.name.lower()) == (_scope(call).lower(), call.part["lock"].lower())


def _find(call: Call) -> Lock:
    found = next((each for each in call.world.locks() if _is(each, call)), None)
    if found is None:
        raise ArmError(404, "LockNotFound", f"The lock '{call.part['lock']}' could not be found.")
    return found


def _shown(lock: Lock) -> Json:
    return {
        "id": f"{lock.scope}{_PROVIDER}/{lock.name}",
        "name": lock.name,
        "type": "Microsoft.Authorization/locks",
        "properties": {"level": lock.level},
    }
