"""Which events of a document are new since the one before, although old ones may have moved to a segment."""

from __future__ import annotations

from collections.abc import Sequence

from k0rdent_azure.state.model import Event, State


class EventTail:
    """Follows the events of one run: give it each state, get what was added."""

    def __init__(self) -> None:
        self._seen: Sequence[Event] | None = None

    def added(self, state: State) -> Sequence[Event]:
        """New events, oldest first; from the first state those of the run that just began."""
        before, events = self._seen, state.events
        self._seen = events
        if before is None:
            run = state.metadata.run
            return [event for event in events if run is not None and event.timestamp >= run.started_at]
        if not before:
            return events
        if len(events) >= len(before) and events[len(before) - 1] == before[-1]:
            return events[len(before) :]
        # Older events were sealed away: what follows the last one known is new.
        for index in range(len(events) - 1, -1, -1):
            if events[index] == before[-1]:
                return events[index + 1 :]
        return events
