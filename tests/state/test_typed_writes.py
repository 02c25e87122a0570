"""Typed writes: editors mirror the schema, refuse what is not of its types, and do what a write by path does."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from k0rdent_azure.errors import StateError, StateInvalidError
from k0rdent_azure.state import editors, model
from k0rdent_azure.state.codec import parse
from k0rdent_azure.state.document import Document
from k0rdent_azure.state.draft import Draft
from k0rdent_azure.state.editor import Editor, Whole
from k0rdent_azure.state.model import State
from k0rdent_azure.state.sections import Sections
from k0rdent_azure.state.store import FileStore
from k0rdent_azure.state.transaction import Transaction
from tests.state.conftest import EXAMPLE, StillClock, small

AnyEditor = Editor[Any]

#: What identifies a deployment or numbers its versions: written once, or by the store itself.
KEPT_BY_THE_STORE = {"schema_version", "deployment_id", "created_at", "last_updated", "serial", "lineage"}
#: Structs without an editor: sections that only hold others, the trail and intents (`Transaction` has methods for
#: them), and the recipients, which `secrets` changes together with every key that is encrypted to them.
WITHOUT_EDITOR = {
    model.State,
    model.Network,
    model.WireGuard,
    model.Event,
    model.EventHistory,
    model.Segment,
    model.PendingOperation,
    model.Secrets,
    model.BaselineDifference,
    model.ChildCluster,
}
#: Given as values of a field, whole.
GIVEN_WHOLE = {model.ChildCluster}
#: Made, and removed, as a whole only: their fields belong together.
PUT_ONLY = {model.Failure, model.Baseline, model.LastValidation}

VM = "k0s.worker.1"
#: One editor of each section; names hold dots where names are free.
SECTIONS: dict[str, Callable[[Sections], AnyEditor]] = {
    "metadata": lambda tx: tx.metadata,
    "metadata/run": lambda tx: tx.run,
    "metadata/failure": lambda tx: tx.failure,
    "metadata/validation": lambda tx: tx.validation,
    "phases/vpn_setup": lambda tx: tx.phase("vpn_setup"),
    "api_calls": lambda tx: tx.api_calls,
    "durations": lambda tx: tx.durations,
    "azure_resources": lambda tx: tx.azure,
    "azure_resources/resource_group": lambda tx: tx.resource_group,
    "azure_resources/network/vnet": lambda tx: tx.vnet,
    "azure_resources/network/subnet": lambda tx: tx.subnet,
    "azure_resources/network/nsg": lambda tx: tx.nsg,
    "azure_resources/ssh_key": lambda tx: tx.ssh_key,
    "azure_resources/deployment": lambda tx: tx.arm_deployment,
    "azure_resources/baseline": lambda tx: tx.baseline,
    f"azure_resources/virtual_machines/{VM}": lambda tx: tx.vm(VM),
    f"wireguard/peers/{VM}": lambda tx: tx.peer(VM),
    "wireguard/laptop_config": lambda tx: tx.laptop_config,
    "k0s_cluster": lambda tx: tx.cluster,
    f"k0s_cluster/controllers/{VM}": lambda tx: tx.node("controller", VM),
    f"k0s_cluster/workers/{VM}": lambda tx: tx.node("worker", VM),
    "k0rdent": lambda tx: tx.k0rdent,
    f"k0rdent/components/{VM}": lambda tx: tx.component(VM),
}
EDITORS = [found for found in vars(editors).values() if inspect.isclass(found) and hasattr(found, "kind")]


def example() -> dict[str, object]:
    """A document with every section, and with a key of another writer in each."""
    return copy.deepcopy(_example())


@cache
def _example() -> dict[str, object]:
    data = parse(EXAMPLE.read_bytes(), source="example")
    draft = Draft(data)
    for label, editor in SECTIONS.items():
        keys = label.split("/")
        if not draft.has(keys):
            draft.set(keys, filled(editor(Sections(draft)).kind))
        draft.set([*keys, "of another writer"], {"kept": True})
    return draft.data


def filled(kind: type[msgspec.Struct]) -> dict[str, object]:
    """Required fields only, each with some value of its type."""
    hints = get_type_hints(kind)
    required = [field.encode_name for field in msgspec.structs.fields(kind) if field.required]
    return {name: next(value for value in SAMPLES if fits(value, hints[name])) for name in required}


def transaction(data: dict[str, object] | None = None) -> Transaction:
    return Transaction(Document(data or example(), text=b"", source="test"), StillClock())


def structs_in(kind: object, known: set[type]) -> set[type]:
    """All structs below a type."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct) and kind not in known:
        known.add(kind)
        for hint in get_type_hints(kind).values():
            structs_in(hint, known)
    for inner in get_args(kind):
        structs_in(inner, known)
    return known


def without_none(hint: object) -> object:
    if isinstance(hint, UnionType) or get_origin(hint) is Union:
        rest = [inner for inner in get_args(hint) if inner is not NoneType]
        return rest[0] if len(rest) == 1 else Union[tuple(rest)]  # noqa: UP007 - made at run time
    return hint


def own_fields(kind: type[msgspec.Struct]) -> dict[str, object]:
    """The fields that the editor of `kind` is to take, with their types."""
    hidden = KEPT_BY_THE_STORE if kind is model.Metadata else set()
    return {
        name: without_none(hint)
        for name, hint in get_type_hints(kind).items()
        if name not in hidden and not structs_in(hint, set()) - GIVEN_WHOLE
    }


SAMPLES: list[object] = [
    None,
    True,
    7,
    2.5,
    "text",
    "clean",
    *("preparation", "completed", "failed", "deleted", "pending", "ready", "created", "running", "generated"),
    *("verified", "connected", "subscription", "controller", "done", "not_deployed", "not_installed"),
    b"bytes",
    datetime(2025, 1, 1, tzinfo=UTC),
    [],
    ["text"],
    [1.5],
    [None],
    {},
    {"a": 1},
    {"a": "text"},
    {1: 1},
]


def fits(value: object, hint: object) -> bool:
    """Whether a value is of a type, told without msgspec."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Literal:
        return isinstance(value, str) and value in arguments
    if origin is list:
        return isinstance(value, list) and all(fits(item, arguments[0]) for item in value)
    if origin is dict:
        return isinstance(value, dict) and all(
            fits(key, arguments[0]) and fits(item, arguments[1]) for key, item in value.items()
        )
    if isinstance(hint, UnionType) or origin is Union:
        return any(fits(value, inner) for inner in arguments)
    if hint is float:
        return type(value) in (int, float)
    return type(value) is hint


def every_field() -> Iterator[tuple[str, str, object]]:
    for label, editor in SECTIONS.items():
        for name, hint in own_fields(editor(transaction()).kind).items():
            if hasattr(editor(transaction()), "update"):
                yield label, name, hint


def fields_of(editor: AnyEditor) -> dict[str, object]:
    return {} if editor.takes is None else get_type_hints(editor.takes)


@pytest.mark.parametrize(
    "editor", [each for each in EDITORS if each.kind not in PUT_ONLY], ids=lambda e: e.__name__
)
def test_changes_mirror_the_schema(editor: type[AnyEditor]) -> None:
    """Names and types, so that what the type checker allows is what the file may hold."""
    assert editor.takes is not None
    assert get_type_hints(editor.takes) == own_fields(editor.kind)
    assert editor.takes.__total__ is False  # type: ignore[attr-defined]
    optional = {field.encode_name for field in msgspec.structs.fields(editor.kind) if not field.required}
    assert editor.optional == optional & own_fields(editor.kind).keys()
    for method, wanted in (("update", editor.takes), ("clear", editor.optional)):
        if wanted:
            (annotation,) = (
                hint for name, hint in get_type_hints(getattr(editor, method)).items() if name == "fields"
            )
            given = set(get_args(annotation)) if method == "clear" else get_args(annotation)[0]
            assert given == wanted


def test_every_struct_of_the_schema_has_an_editor_and_a_place() -> None:
    edited = {editor.kind for editor in EDITORS}
    assert edited | WITHOUT_EDITOR == structs_in(State, set())
    assert not edited & WITHOUT_EDITOR
    assert {editor(transaction()).kind for editor in SECTIONS.values()} == edited


@pytest.mark.parametrize(
    ("label", "field", "hint"), list(every_field()), ids=lambda v: v if isinstance(v, str) else ""
)
def test_a_value_of_another_type_changes_nothing(label: str, field: str, hint: object) -> None:
    """Every field against values of every kind: taken if, and only if, it is of the field's type."""
    for value in SAMPLES:
        tx = transaction()
        before = copy.deepcopy(tx.data)
        editor: Any = SECTIONS[label](tx)
        if fits(value, hint):
            editor.update(**{field: value})
            assert tx.by_path.get((*label.split("/"), field)) == value
        else:
            with pytest.raises(StateInvalidError) as caught:
                editor.update(**{field: value})
            assert caught.value.message.startswith(".".join([*label.split("/"), field]))
            assert tx.data == before
            assert not tx.changed


@pytest.mark.parametrize("label", SECTIONS)
def test_a_field_that_is_none_is_refused(label: str) -> None:
    tx = transaction()
    before, editor = copy.deepcopy(tx.data), SECTIONS[label](tx)
    named: Any = editor
    for field in (
        "statsu",
        "serial",
        "lineage",
        "deployment_id",
        "of another writer",
        "virtual_machines",
        "",
    ):
        for change in ("update", "clear"):
            if hasattr(editor, change):
                with pytest.raises(StateInvalidError, match="no such field"):
                    named.update(**{field: "x"}) if change == "update" else named.clear(field)
    assert tx.data == before
    assert not tx.changed


def test_one_wrong_value_keeps_the_right_ones_out_too() -> None:
    tx = transaction()
    before = copy.deepcopy(tx.data)
    named: Any = tx.vm(VM)
    with pytest.raises(StateInvalidError):
        named.update(status="running", public_ip=5)
    assert tx.data == before


def test_the_type_checker_refuses_it_first() -> None:
    """mypy fails if one of these is not an error to it: an ignore that is not needed is one itself."""
    tx = transaction()
    with pytest.raises(StateInvalidError):
        tx.vm(VM).update(status="runing")  # type: ignore[arg-type]
    with pytest.raises(StateInvalidError):
        tx.vm(VM).update(public_ip=None)  # type: ignore[arg-type]
    with pytest.raises(StateInvalidError):
        tx.vm(VM).update(pulbic_ip="192.0.2.1")  # type: ignore[call-arg]
    with pytest.raises(StateInvalidError):
        tx.metadata.update(serial=3)  # type: ignore[call-arg]
    with pytest.raises(StateInvalidError):
        tx.vm(VM).clear("status")  # type: ignore[arg-type]
    with pytest.raises(AttributeError):
        tx.vms(VM)  # type: ignore[attr-defined]
    with pytest.raises(StateInvalidError):
        tx.phase("vnp_setup")  # type: ignore[arg-type]
    with pytest.raises(StateInvalidError):
        tx.node("laptop", VM)  # type: ignore[arg-type]
    assert not tx.changed


@pytest.mark.parametrize("label", SECTIONS)
def test_what_is_not_there_is_not_made_by_an_update(label: str) -> None:
    """A name that was mistyped, or that another run removed, makes no half record."""
    tx = transaction(small())
    editor: Any = SECTIONS[label](tx)
    optional = sorted(editor.optional & own_fields(editor.kind).keys())
    required = any(field.required for field in msgspec.structs.fields(editor.kind))
    if editor.takes is None or not required or not optional or label == "metadata":
        return
    value = next(value for value in SAMPLES if fits(value, own_fields(editor.kind)[optional[0]]))
    with pytest.raises(StateError, match="is not in the state"):
        editor.update(**{optional[0]: value})
    assert not editor.exists
    assert not tx.changed


def test_a_value_that_is_refused_leaves_the_file_as_it_was(store: FileStore) -> None:
    before = store.path.read_bytes()
    with pytest.raises(StateInvalidError), store.transaction() as tx:
        tx.metadata.update(deployment_status="in_progress")
        tx.metadata.update(deployment_phase="prepared")  # type: ignore[arg-type]
    assert store.path.read_bytes() == before
    assert not list(store.path.parent.glob("*.rejected"))


def test_a_private_key_of_another_type_is_not_told(store: FileStore) -> None:
    named: Any = transaction().peer(VM)
    with pytest.raises(StateInvalidError) as caught:
        named.update(private_key=["hunter2"])
    assert "hunter2" not in f"{caught.value.message} {caught.value.hint} {caught.value.faults}"


def test_put_makes_it_that_and_keeps_what_others_wrote() -> None:
    tx = transaction()
    tx.vm(VM).update(public_ip="192.0.2.7", detail="old")
    tx.vm(VM).put(model.VirtualMachine(status="pending", vm_size="S"))
    now = tx.vm(VM).now
    assert now == model.VirtualMachine(status="pending", vm_size="S")
    assert tx.by_path.get(("azure_resources", "virtual_machines", VM, "of another writer")) == {"kept": True}
    assert not tx.by_path.has(("azure_resources", "virtual_machines", VM, "public_ip"))


def test_put_takes_no_struct_whose_values_are_of_other_types() -> None:
    tx = transaction()
    wrong: Any = {"phase": "complete", "message": "x", "at": 5}
    differences: Any = [{"field": 3}]
    with pytest.raises(StateInvalidError):
        tx.failure.put(model.Failure(**wrong))
    with pytest.raises(StateInvalidError):
        tx.baseline.put(model.Baseline(recorded_at="2025-01-01T00:00:00Z", differences=differences))
    with pytest.raises(StateInvalidError):
        tx.failure.put({"phase": "complete", "message": "x"})  # type: ignore[arg-type]
    assert not tx.changed


def test_remove_and_now() -> None:
    tx = transaction()
    tx.failure.remove()
    assert tx.failure.now is None
    tx.metadata.update(deployment_status="failed")
    now = tx.metadata.now
    assert now is not None
    assert now.deployment_status == "failed"
    assert tx.state.metadata.deployment_status != "failed"


def test_what_there_is_with_the_changes_so_far() -> None:
    tx = transaction(small())
    assert tx.vm_names == []
    tx.vm("a.b").put(model.VirtualMachine(status="pending", vm_size="S"))
    assert tx.vm_names == ["a.b"]
    assert tx.operation("vpn") is None
    tx.begin_operation("vpn", kind="vpn", target="wg0", details={"a": 1})
    pending = tx.operation("vpn")
    assert pending is not None
    assert pending.details == {"a": 1}
    tx.end_operation("vpn")
    assert tx.operation("vpn") is None
    tx = transaction()
    for part in tx.network:
        part.update(status="deleted")
    network: Any = tx.by_path.get("azure_resources.network")
    assert [network[part]["status"] for part in ("vnet", "subnet", "nsg")] == ["deleted"] * 3


@pytest.mark.parametrize(
    "wrong", [{"kind": "vnp"}, {"target": 3}, {"phase": "vnp_setup"}, {"details": {3: 4}}]
)
def test_an_intent_of_another_type_is_refused(wrong: dict[str, Any]) -> None:
    tx = transaction()
    with pytest.raises(StateInvalidError):
        tx.begin_operation("vpn", **{"kind": "vpn", "target": "wg0", **wrong})
    assert not tx.changed


def test_what_is_not_touched_stays_the_same_object() -> None:
    """By that the commit knows what it has to look at and to write."""
    data = example()
    tx = transaction(data)
    tx.vm(VM).update(status="stopped")
    assert all(tx.data[key] is data[key] for key in data if key != "azure_resources")
    vms: Any = data["azure_resources"]["virtual_machines"]  # type: ignore[index]
    now: Any = tx.by_path.get("azure_resources.virtual_machines")
    assert all(now[name] is vms[name] for name in vms if name != VM)
    assert vms[VM].get("status") != "stopped"


Edit = tuple[str, Literal["update", "clear", "remove"], dict[str, object]]


def edits() -> st.SearchStrategy[Edit]:
    """Any edit that the types allow."""
    ways: list[st.SearchStrategy[Edit]] = []
    for label, section in SECTIONS.items():
        editor = section(transaction())
        if editor.takes is not None:
            ways.append(st.tuples(st.just(label), st.just("update"), st.from_type(editor.takes)))
        if editor.optional:
            fields = st.dictionaries(st.sampled_from(sorted(editor.optional)), st.none(), max_size=3)
            ways.append(st.tuples(st.just(label), st.just("clear"), fields))
        if isinstance(editor, Whole) and label.startswith(("phases", "metadata", "azure_resources/v")):
            ways.append(st.tuples(st.just(label), st.just("remove"), st.just({})))
    return st.one_of(ways)


@settings(max_examples=200)
@given(st.lists(edits(), max_size=12))
def test_typed_edits_do_what_edits_by_path_do(steps: list[Edit]) -> None:
    typed, by_path = transaction(), Draft(example())
    for label, what, fields in steps:
        keys, editor = label.split("/"), SECTIONS[label](typed)
        named: Any = editor
        if what == "clear":
            named.clear(*fields)
            for field in fields:
                by_path.delete([*keys, field])
        elif what == "remove":
            named.remove()
            by_path.delete(keys)
        else:
            missing = not by_path.has(keys) and any(
                field.required and field.encode_name not in fields
                for field in msgspec.structs.fields(editor.kind)
            )
            if missing:
                with pytest.raises(StateError):
                    named.update(**fields)
                continue
            named.update(**fields)
            if fields:
                by_path.merge(keys, fields)
        assert editor.now is not None or what == "remove" or not by_path.has(keys)
    assert msgspec.json.encode(typed.data) == msgspec.json.encode(by_path.data)
