"""The audit trail: filters, and events as lines."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from k0rdent_azure.clock import parse_timestamp
from k0rdent_azure.config import resource_ids
from k0rdent_azure.report.model import EventRow
from k0rdent_azure.report.text import age, clean
from k0rdent_azure.report.theme import Look
from k0rdent_azure.state.model import Event

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table
    from rich.text import Text

_BAD = ("failed", "failure", "error")
_HALTED = ("interrupted", "refused", "down")


def select(
    events: Iterable[Event],
    *,
    phase: str | None = None,
    action: str | None = None,
    resource: str | None = None,
    text: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int | None = None,
) -> Iterator[Event]:
    """The events that match all filters, oldest first; `limit` keeps the newest.

    `resource` may be a part of it, `text` of message, details or resource, both in any case. An event whose time
    cannot be read is in no period.
    """
    found = (
        event
        for event in events
        if (phase is None or event.phase == phase)
        and (action is None or event.action == action)
        and (resource is None or resource.casefold() in (event.resource or "").casefold())
        and (text is None or _holds(event, text.casefold()))
        and ((since is None and until is None) or _is_within(event, since, until))
    )
    return found if limit is None else iter(deque(found, maxlen=max(0, limit)))


def _holds(event: Event, text: str) -> bool:
    return any(text in (part or "").casefold() for part in (event.message, event.details, event.resource))


def _is_within(event: Event, since: datetime | None, until: datetime | None) -> bool:
    try:
        moment = parse_timestamp(event.timestamp)
    except ValueError:
        return False
    return (since is None or moment >= since) and (until is None or moment <= until)


def event_text(event: Event | EventRow) -> str:
    """What happened, to what, in one cleaned line."""
    said = clean(event.message or event.details or "")
    details = clean(event.details) if event.message and event.details else ""
    return f"{said} ({details})" if details else said


def plain_line(event: Event, *, date: bool = False) -> str:
    """`15:45:00Z  vm_creation  vm_created  k0s-controller: answers over SSH`, for logs and pipes."""
    moment = clean(event.timestamp).replace("T", " ")
    stamp = moment if date else moment.rpartition(" ")[2]
    resource = clean(event.resource or "")
    said = ": ".join(part for part in (resource, event_text(event)) if part)
    return f"{stamp}  {clean(event.phase):<15}  {clean(event.action):<23}  {said}".rstrip()


def table(events: Iterable[Event], *, width: int, ascii_only: bool = False) -> RenderableType:
    """`events`: full time, phase, action, resource, message."""
    look, grid, day = Look(ascii_only=ascii_only), _grid(width), ""
    for event in events:
        moment = clean(event.timestamp).replace("T", " ")
        same_day = moment[:10] == day
        day = moment[:10]
        grid.add_row(_stamp(moment, dim_date=same_day), *_cells(event, look))
    return grid


def recent(events: Sequence[EventRow], *, width: int, look: Look) -> RenderableType:
    """The newest events in a report, with their ages."""
    from rich.text import Text

    grid = _grid(width)
    grid.columns[0].justify = "right"
    for event in events:
        grid.add_row(Text(age(event.age_seconds), "dim"), *_cells(event, look))
    return grid


def _grid(width: int) -> Table:
    from rich.table import Table

    grid = Table.grid(padding=(0, 2, 0, 0), pad_edge=False)
    grid.width = width
    grid.add_column(no_wrap=True)
    grid.add_column(no_wrap=True)
    grid.add_column(no_wrap=True)
    grid.add_column(ratio=1, overflow="fold")
    return grid


def _stamp(moment: str, *, dim_date: bool) -> Text:
    from rich.text import Text

    return Text.assemble((moment[:10], "bright_black" if dim_date else ""), (moment[10:], ""))


def _cells(event: Event | EventRow, look: Look) -> tuple[Text, Text, Text]:
    from rich.text import Text

    action = clean(event.action)
    said = Text()
    if event.resource:
        said.append(resource_ids.name(clean(event.resource)))
    if event.resource and event_text(event):
        said.append(f" {look.dot} ", "dim")
    said.append(event_text(event), "dim")
    return Text(clean(event.phase), "cyan"), Text(action, _style(action)), said


def _style(action: str) -> str:
    if action.endswith(_BAD):
        return "red"
    return "yellow" if action.endswith(_HALTED) else ""
