"""Filters of the audit trail, and events as lines."""

from __future__ import annotations

import io
from datetime import UTC, datetime

import pytest
from rich.console import Console

from k0rdent_azure.report.timeline import event_text, plain_line, select, table
from k0rdent_azure.state.model import Event
from tests.report.states import complete, state

EVENTS = state(complete()).events


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, 9),
        ({"phase": "vm_creation"}, 2),
        ({"action": "vm_created"}, 1),
        ({"resource": "WORKER"}, 1),
        ({"phase": "vm_creation", "action": "cluster_ready"}, 0),
        ({"since": datetime(2026, 3, 4, 10, 9, tzinfo=UTC)}, 4),
        ({"limit": 3}, 3),
        ({"limit": 0}, 0),
    ],
)
def test_select(filters: dict[str, object], expected: int) -> None:
    assert len(list(select(EVENTS, **filters))) == expected  # type: ignore[arg-type]


def test_limit_keeps_the_newest_in_order() -> None:
    assert [event.action for event in select(EVENTS, limit=2)] == ["k0rdent_ready", "deployment_completed"]


def test_plain_line() -> None:
    assert plain_line(EVENTS[3]) == (
        "10:06:00Z  vm_creation      vm_created               k0s-worker-1: answers over SSH (zone 2)"
    )
    assert plain_line(EVENTS[3], date=True).startswith("2026-03-04 10:06:00Z  ")


def test_text_joins_message_and_details_on_one_line() -> None:
    event = Event(timestamp="t", phase="p", action="a", message="no\nroom", details="Code\x1b[0m")
    assert event_text(event) == "no room (Code)"
    assert event_text(Event(timestamp="t", phase="p", action="a", details="only")) == "only"


def test_table_shows_each_event() -> None:
    console = Console(file=io.StringIO(), width=120)
    console.print(table(EVENTS, width=120))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert len(text.splitlines()) == len(EVENTS)
    assert "2026-03-04 10:00:06Z" in text
