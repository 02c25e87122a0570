"""The one way to say which known name is closest to one that does not exist."""

from __future__ import annotations

from collections.abc import Iterable

#: How alike two names must be, from 0 to 1, as difflib measures it.
LIKENESS = 0.6
#: Longer names are cut: the comparison takes the square of their length.
_LONGEST = 100


def nearest(name: str, known: Iterable[str], *, likeness: float = LIKENESS) -> str | None:
    """The known name that is closest to `name`, upper and lower case alike; None if none is close."""
    # Imported here: only errors need it, and it takes longer than reading a small state.
    import difflib

    by_case = {each.lower(): each for each in reversed(list(known))}
    found = difflib.get_close_matches(name[:_LONGEST].lower(), list(by_case), n=1, cutoff=likeness)
    return by_case[found[0]] if found else None


def did_you_mean(name: str, known: Iterable[str], *, otherwise: str) -> str:
    """A hint: the closest known name, or `otherwise` if none is close."""
    found = nearest(name, known)
    return f"did you mean {found}?" if found else otherwise
