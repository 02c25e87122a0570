"""Situations of state files that hold something wrong, or are at a moment that the product asks about."""

from __future__ import annotations

from k0rdent_azure.state.codec import dump
from tests.hints.place import Place
from tests.hints.private_keys import change
from tests.hints.situations import situation
from tests.report.states import complete


@situation("state/checks.py: state check")
def a_value_that_no_state_has(place: Place) -> None:
    change(place, 'status: "running"', 'status: "walking"')
    place.tell("event", "add", "note", "anything", expect=4)
    assert "walking" in place.follow("state check", expect=4)
    change(place, 'status: "walking"', 'status: "running"')
    place.cured("walking")


@situation("state/recovery.py: recover --from-azure")
def the_only_copy_is_from_before_azure_was_asked(place: Place) -> None:
    data = complete()
    data["metadata"]["deployment_status"] = "pending"
    data["azure_resources"]["deployment"] = None
    data["azure_resources"]["virtual_machines"] = {}
    place.state.write_bytes(dump(data))
    place.run("event", "add", "note", "so that there is a backup")
    place.state.write_bytes(place.state.read_bytes()[:900])
    place.tell("status", expect=4)
    place.accepts("recover --from-azure")
    place.follow("recover --from-backup", more=["--yes"])
    place.cured("newest good copy")


@situation("report/next_step.py: {command}")
def interrupted(place: Place) -> None:
    data = complete()
    for status, command in (("interrupted", "resume"), ("pending", "deploy"), ("destroying", "destroy")):
        data["metadata"]["deployment_status"] = status
        place.state.write_bytes(dump(data))
        place.tell("status", expect=0)
        place.accepts(command)
