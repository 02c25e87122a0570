"""What happens to resources without anybody asking ARM through this client: colleagues, policies, Spot evictions.

Each is done at once, as somebody did it a while ago, and is in no log: what was asked for and what is there now
differ, that is all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from k0rdent_azure.rehearsal.arm import groups, network, removal, strangers
from k0rdent_azure.rehearsal.arm.arm_errors import ArmError
from k0rdent_azure.rehearsal.arm.compute import SSH_KEYS, VIRTUAL_MACHINES, draw_public_key
from k0rdent_azure.rehearsal.arm.network import SECURITY_GROUPS, mapping, objects, reference_id
from k0rdent_azure.rehearsal.faults import Fault, Faults
from k0rdent_azure.rehearsal.records import Group, Json, Power, Resource, Transition
from k0rdent_azure.rehearsal.world import World


def apply(world: World, faults: Faults | None = None) -> None:
    """Make every change that is due and whose target is there. Without `faults`, uses them up itself."""
    armed = faults or Faults(world.directory)
    done = [fault for fault in armed.changes() if _CHANGES[fault.kind](world, fault)]
    for fault in done:
        armed.use(fault)
    if done:
        world.save()
    if faults is None:
        armed.commit()


def _vm_deleted(world: World, fault: Fault) -> bool:
    vm = _vm(world, fault)
    if vm is None:
        return False
    for each in [*removal.followers(world, vm), vm]:
        _end(each, world.clock.now())
    return True


def _power(world: World, fault: Fault, power: Power) -> bool:
    vm = _vm(world, fault)
    now = world.clock.now()
    if vm is None or vm.boot is None or vm.boot.power_at(now) != "running" or vm.ready_at > now:
        return False
    vm.boot.power.append(Transition(now, power))
    return True


def _vm_stopped(world: World, fault: Fault) -> bool:
    return _power(world, fault, "stopped")


def _vm_deallocated(world: World, fault: Fault) -> bool:
    return _power(world, fault, "deallocated")


def _vm_evicted(world: World, fault: Fault) -> bool:
    """By the VM's own policy; ARM's default is Deallocate."""
    vm = _vm(world, fault)
    own = mapping(vm.body, "properties").get("evictionPolicy") if vm else None
    if (fault.policy or own) != "Delete":
        return _vm_deallocated(world, fault)
    if vm is None or vm.ready_at > world.clock.now():
        return False
    return _vm_deleted(world, fault)


def _vm_resized(world: World, fault: Fault) -> bool:
    vm = _vm(world, fault)
    if vm is None:
        return False
    mapping(mapping(vm.body, "properties"), "hardwareProfile")["vmSize"] = fault.size
    vm.revision += 1
    return True


def _vm_clock_skew(world: World, fault: Fault) -> bool:
    vm = _vm(world, fault)
    if vm is None:
        return False
    vm.hidden["clockSkew"] = str(fault.seconds or 0.0)
    return True


def _address_changed(world: World, fault: Fault) -> bool:
    vm = _vm(world, fault)
    found = _address_of(world, vm) if vm is not None else None
    if found is None:
        return False
    properties = mapping(found.body, "properties")
    others = world.planned_resources(type_=network.PUBLIC_ADDRESSES)
    properties["ipAddress"] = fault.address or network.draw_address(
        world, others, found.name, "changed", found.revision
    )
    found.revision += 1
    return True


def _rule_added(world: World, fault: Fault) -> bool:
    own: Json = {
        "priority": fault.priority,
        "direction": "Inbound",
        "access": "Allow",
        "protocol": fault.protocol,
        "sourcePortRange": "*",
        "destinationAddressPrefix": "*",
        "destinationPortRange": fault.port,
        "sourceAddressPrefix": fault.source,
    }
    for group in _found(world, fault, SECURITY_GROUPS):
        rule: Json = {"name": fault.rule, "properties": own}
        network.identify_rule(rule, group.id)
        _change_rules(group, [*_rules(group), rule])
        return True
    return False


def _rule_opened(world: World, fault: Fault) -> bool:
    for group, rule in _named_rules(world, fault):
        own = mapping(rule, "properties")
        for key in ("sourceAddressPrefix", "sourceAddressPrefixes"):
            own.pop(key, None)
        own["sourceAddressPrefix"] = fault.source
        if fault.port is not None:
            own["destinationPortRange"] = fault.port
        group.revision += 1
        return True
    return False


def _rule_removed(world: World, fault: Fault) -> bool:
    for group, rule in _named_rules(world, fault):
        _change_rules(group, [each for each in _rules(group) if each is not rule])
        return True
    return False


def _foreign_vm(world: World, fault: Fault) -> bool:
    model = next(world.resources(type_=VIRTUAL_MACHINES, group=fault.group), None)
    tags = _given_tags(fault, model)
    return strangers.make_vm(world, name=fault.vm or "somebodys-vm", group=fault.group, tags=tags)


def _vm_replaced(world: World, fault: Fault) -> bool:
    vm = _vm(world, fault)
    if vm is None or vm.ready_at > world.clock.now():
        return False
    _vm_deleted(world, fault)
    world.settle()
    return strangers.replace_vm(world, vm, tags=_given_tags(fault, vm))


def _foreign_resource(world: World, fault: Fault) -> bool:
    """Without a type it is a storage account, which no deployment here has."""
    name, type_ = fault.resource or "somebodys", fault.type or strangers.TYPES[-1]
    model = next((each for each in world.resources(group=fault.group) if each.body.get("tags")), None)
    try:
        return strangers.make(
            world, type_=type_, name=name, group=fault.group, tags=_given_tags(fault, model)
        )
    except (
        ArmError
    ):  # a name or a type that this cloud refuses: the fault stays armed, as one without a target
        return False


def _given_tags(fault: Fault, model: Resource | None) -> dict[str, str]:
    """`NAME=VALUE,…`, or those of `model` with `copied`."""
    if fault.tags == "copied":
        return _texts(model.body.get("tags")) if model is not None else {}
    pairs = (each.partition("=") for each in (fault.tags or "").split(",") if each)
    return {name: value for name, _, value in pairs}


def _tags_removed(world: World, fault: Fault) -> bool:
    def without(tags: dict[str, str]) -> dict[str, str]:
        name = (fault.tag or "").lower()
        return {key: value for key, value in tags.items() if name and key.lower() != name}

    return _change_tags(world, fault, without)


def _tag_added(world: World, fault: Fault) -> bool:
    name, _, value = (fault.tag or "").partition("=")
    return _change_tags(world, fault, lambda tags: {**tags, name: value})


def _change_tags(world: World, fault: Fault, change: Callable[[dict[str, str]], dict[str, str]]) -> bool:
    found = list(_found(world, fault))
    for resource in found:
        resource.body["tags"] = change(_texts(resource.body.get("tags")))
        resource.revision += 1
    named = [each for each in _groups(world, fault) if fault.resource in (None, each.name)]
    for group in named:
        group.tags = change(group.tags)
    return bool(found or named)


def _ssh_key_replaced(world: World, fault: Fault) -> bool:
    key = fault.key or draw_public_key(world)
    if fault.vm is not None:
        vm = _vm(world, fault)
        if vm is not None:
            vm.hidden["authorizedKeys"] = key
        return vm is not None
    for found in _found(world, fault, SSH_KEYS):
        mapping(found.body, "properties")["publicKey"] = key
        found.revision += 1
        return True
    return False


def _resource_deleted(world: World, fault: Fault) -> bool:
    found = next(_found(world, fault), None)
    if found is not None:
        _end(found, world.clock.now())
    return found is not None


def _property_changed(world: World, fault: Fault) -> bool:
    found = next(_found(world, fault), None)
    if found is None:
        return False
    *path, last = (fault.property or "").split(".")
    place: object = found.body
    for key in path:
        if isinstance(place, list):
            place = place[int(key)]
        elif isinstance(place, dict):
            place = place.setdefault(key, {})
    if isinstance(place, list):
        place[int(last) : int(last) + 1] = [] if fault.value is None else [fault.value]
    elif isinstance(place, dict) and fault.value is None:
        place.pop(last, None)
    elif isinstance(place, dict):
        place[last] = fault.value
    found.revision += 1
    return True


def _group_deleted(world: World, fault: Fault) -> bool:
    group = next(_groups(world, fault), None)
    if group is None:
        return False
    groups.delete_group(world, group)
    now = world.clock.now()
    group.gone_at = now
    for resource in world.planned_in(group.name):
        _end(resource, now)
    return True


def _end(resource: Resource, now: float) -> None:
    resource.deleting_at = resource.gone_at = now


def _vm(world: World, fault: Fault) -> Resource | None:
    for each in world.resources(type_=VIRTUAL_MACHINES, group=fault.group):
        if each.name.lower() == (fault.vm or "").lower() and each.deleting_at is None:
            return each
    return None


def _groups(world: World, fault: Fault) -> Iterator[Group]:
    for each in world.groups():
        if fault.group is None or each.name.lower() == fault.group.lower():
            yield each


def _found(world: World, fault: Fault, type_: str | None = None) -> Iterator[Resource]:
    """The resources of the fault's name, type and group; all of them where it names none."""
    for each in world.resources(group=fault.group, type_=fault.type or type_):
        if fault.resource is None or each.name.lower() == fault.resource.lower():
            yield each


def _address_of(world: World, vm: Resource) -> Resource | None:
    """The VM's first public address."""
    references = objects(mapping(mapping(vm.body, "properties"), "networkProfile"), "networkInterfaces")
    nics = (world.resource(reference_id(each)) for each in references)
    for nic in (each for each in nics if each is not None):
        for configuration in objects(mapping(nic.body, "properties"), "ipConfigurations"):
            reference = mapping(configuration, "properties").get("publicIPAddress")
            found = world.resource(reference_id(reference))
            if found is not None:
                return found
    return None


def _rules(group: Resource) -> list[Json]:
    return objects(mapping(group.body, "properties"), "securityRules")


def _change_rules(group: Resource, rules: list[Json]) -> None:
    mapping(group.body, "properties")["securityRules"] = rules
    group.revision += 1


def _named_rules(world: World, fault: Fault) -> Iterator[tuple[Resource, Json]]:
    for group in _found(world, fault, SECURITY_GROUPS):
        for rule in _rules(group):
            if str(rule.get("name")).lower() == (fault.rule or "").lower():
                yield group, rule


def _texts(value: object) -> dict[str, str]:
    return {str(key): str(each) for key, each in value.items()} if isinstance(value, dict) else {}


_CHANGES: dict[str, Callable[[World, Fault], bool]] = {
    "vm-deleted": _vm_deleted,
    "vm-stopped": _vm_stopped,
    "vm-deallocated": _vm_deallocated,
    "vm-evicted": _vm_evicted,
    "vm-resized": _vm_resized,
    "vm-clock-skew": _vm_clock_skew,
    "address-changed": _address_changed,
    "rule-added": _rule_added,
    "rule-opened": _rule_opened,
    "rule-removed": _rule_removed,
    "foreign-vm": _foreign_vm,
    "foreign-resource": _foreign_resource,
    "vm-replaced": _vm_replaced,
    "tags-removed": _tags_removed,
    "tag-added": _tag_added,
    "ssh-key-replaced": _ssh_key_replaced,
    "resource-deleted": _resource_deleted,
    "property-changed": _property_changed,
    "group-deleted": _group_deleted,
}
