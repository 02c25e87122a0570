"""How a deployment goes on after what stopped it: the commands that help, and no other. Pure.

A configuration cannot change once Azure has accepted a submission: then only another deployment has another one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from k0rdent_azure.errors import Way
from k0rdent_azure.state.accepted import nothing_accepted
from k0rdent_azure.state.model import State

FILE = "k0rdent.yaml"


class Onward(msgspec.Struct, frozen=True, kw_only=True):
    """`command` is the one to type now; `before` is done first, `then` comes after it, `instead` is another way.

    `command` is None if nothing that a user can type helps.
    """

    command: str | None
    before: str = ""
    then: str = ""
    instead: str = ""

    def told(self, fix: str) -> str:
        """One line: what has to be done, and what to run."""
        first = "; ".join(each for each in (fix, self.before) if each)
        run = f"go on with: {self.command}{self.then}" if self.command else ""
        return "; ".join(each for each in (first, run, self.instead) if each)


def onward(
    way: Way,
    state: State,
    command: Callable[[str], str],
    *,
    places: Sequence[str] = (),
    about: str | None = None,
    again: str = "resume",
    yes: str = "",
    overrides: str = "",
) -> Onward:
    """The way on. `command` completes a command line of the workspace, `again` is what failed.

    `yes` is ` --yes` or "", `overrides` the options of a `deploy` whose configuration was not all in the file.
    """
    which = f" ({', '.join(places)})" if places else ""
    deploy, destroy = command(f"deploy{yes}{overrides}"), command(f"destroy{yes}")
    anew = f", correct {FILE}{which}, then: {deploy}"
    otherwise = f"or, for another configuration: {destroy}{anew}"
    recreate = command(f"replace vm/{about}{yes}")
    if nothing_accepted(state) and way in ("change", "either"):
        correct = f"{'or ' if way == 'either' else ''}correct {FILE}{which}: Azure has accepted nothing yet"
        return Onward(command=deploy, before=correct)
    if way == "replace" and about not in state.azure_resources.virtual_machines:
        way = "destroy"
    ways: dict[Way, Onward] = {
        "again": Onward(command=command(again)),
        "change": Onward(command=destroy, then=anew),
        "either": Onward(command=command(again), instead=otherwise),
        "replace": Onward(command=recreate, instead=otherwise if places else ""),
        "destroy": Onward(command=destroy, then=f", then: {deploy}"),
        "report": Onward(command=None, instead=f"this removes what exists: {destroy}"),
    }
    return ways[way]
