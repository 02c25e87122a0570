"""Virtual machines while they run: their instance view, and what switches them on and off.

Source: https://learn.microsoft.com/rest/api/compute/virtual-machines
"""

from __future__ import annotations

from k0rdent_azure.rehearsal.arm import refusals, views
from k0rdent_azure.rehearsal.arm.arm_errors import ArmError
from k0rdent_azure.rehearsal.arm.arm_resources import find
from k0rdent_azure.rehearsal.arm.call import Answer, Call
from k0rdent_azure.rehearsal.records import Power, Transition

#: Power actions: the state on the way, the state at the end, and cloud seconds between them.
_ACTIONS: dict[str, tuple[Power, Power, tuple[float, float]]] = {
    "start": ("starting", "running", (20, 50)),
    "restart": ("starting", "running", (20, 60)),
    "poweroff": ("stopping", "stopped", (10, 30)),
    "deallocate": ("deallocating", "deallocated", (20, 60)),
}


def instance_view(call: Call) -> Answer:
    return Answer(200, views.vm_instance_view(call.world, find(call)))


def act(call: Call) -> Answer:
    """start, restart, powerOff, deallocate."""
    vm = find(call)
    if call.now < vm.ready_at or vm.deleting(call.now) or vm.boot is None:
        raise ArmError(
            409, "Conflict", f"The request failed due to conflict with a concurrent request on {vm.name}."
        )
    passing, final, seconds = _ACTIONS[call.part["action"].lower()]
    ended = call.now + call.world.draw(*seconds, "power", vm.name, len(vm.boot.power))
    fault = call.faults.start(vm.name) if final == "running" else None
    if fault is not None:
        call.faults.commit()
        failure = refusals.of(fault, vm.id)
        answer = call.async_operation(202, ended, None, failure)
        return Answer(202, None, {**answer.headers, **_location(call, ended, failure)})
    if vm.boot.power_at(call.now) != final or call.part["action"].lower() == "restart":
        vm.boot.power += [Transition(call.now, passing), Transition(ended, final)]
        if final == "running":
            vm.boot.booted_at = ended
        call.world.save()
    answer = call.async_operation(202, ended, None)
    return Answer(202, None, {**answer.headers, **_location(call, ended)})


def _location(call: Call, ended: float, failure: ArmError | None = None) -> dict[str, str]:
    return {"Location": call.accepted(ended, failure=failure).headers["Location"]}
