"""The registry of situations: each makes the product say commands, types them, and shows that they help."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.hints.place import Place

#: What a situation begins with: an empty folder, a state file alone, or a deployment on a rehearsal cloud.
Start = str
EMPTY, CONFIG, STATE, DEPLOYED = "empty", "config", "state", "deployed"


@dataclass(frozen=True)
class Situation:
    """`says` are the keys of `said.py` whose commands it types; `play` makes it, types them and looks at the end."""

    name: str
    says: tuple[str, ...]
    start: Start
    play: Callable[[Place], None]
    #: Resources of others that the commands are allowed to take (see tests/conscience.py).
    harm: tuple[str, ...] = ()
    #: Whether only `make test-all` plays it.
    long: bool = False


SITUATIONS: dict[str, Situation] = {}


def situation(
    *says: str, start: Start = STATE, harm: tuple[str, ...] = (), long: bool = False
) -> Callable[[Callable[[Place], None]], Callable[[Place], None]]:
    """Register a function as the situation in which the product says `says`."""

    def register(play: Callable[[Place], None]) -> Callable[[Place], None]:
        assert play.__name__ not in SITUATIONS, play.__name__
        SITUATIONS[play.__name__] = Situation(play.__name__, says, start, play, harm, long)
        return play

    return register
