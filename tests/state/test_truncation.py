"""A file that was cut off is refused wherever the cut fell, also where what is left is valid YAML."""

from __future__ import annotations

from pathlib import Path

import pytest

from k0rdent_azure.errors import StateInvalidError
from k0rdent_azure.state.codec import parse
from k0rdent_azure.state.document import read_document
from k0rdent_azure.state.events import CHAIN_DIGITS
from k0rdent_azure.state.store import FileStore
from tests.state.conftest import EXAMPLE, StillClock, small


def whole(path: Path, *, events: int) -> bytes:
    store = FileStore(path, clock=StillClock())
    store.create(parse(EXAMPLE.read_bytes(), source="example"))
    for number in range(events):
        with store.transaction() as tx:
            tx.event("vm_creation", "counted", str(number))
    return path.read_bytes()


@pytest.mark.parametrize("events", [0, 3])
def test_every_cut_is_refused(path: Path, events: int) -> None:
    text = whole(path, events=events)
    data = parse(text, source="x")
    accepted = []
    for end in range(len(text)):
        try:
            document = read_document(text[:end], source="x")
        except StateInvalidError:
            continue
        assert _without_last_link(document.data) == _without_last_link(data)
        accepted.append(end)
    # Nothing may be missing but the end of the last event's link, which follows from the rest.
    assert len(text) - 1 in accepted
    assert min(accepted) >= len(text) - len('\n  chain: ""\n') - CHAIN_DIGITS


def _without_last_link(data: dict[str, object]) -> dict[str, object]:
    events = data["events"]
    assert isinstance(events, list)
    return data | {
        "events": [*events[:-1], {key: value for key, value in events[-1].items() if key != "chain"}]
    }


def test_a_sealed_trail_that_lost_its_inline_part_is_refused(path: Path) -> None:
    store = FileStore(path, clock=StillClock())
    store.create(small())
    with store.transaction() as tx:
        for number in range(400):
            tx.event("vm_creation", "counted", str(number))
    text = path.read_text()
    path.write_text(text[: text.index("\nevents:")] + "\nevents: []\n")
    with pytest.raises(StateInvalidError, match="cut off"):
        FileStore(path, clock=StillClock()).read()


def test_the_first_version_is_checked_as_a_whole(path: Path) -> None:
    """Its times too: nothing of it was read, and so checked, before."""
    data = small() | {"events": [{"timestamp": "yesterday", "phase": "preparation", "action": "x"}]}
    with pytest.raises(StateInvalidError, match=r"events\.0\.timestamp"):
        FileStore(path, clock=StillClock()).create(data)
    assert not path.exists()
