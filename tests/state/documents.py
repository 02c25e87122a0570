"""Random documents for property tests, and a plain model of what a transaction does to one."""

from __future__ import annotations

import copy
from collections.abc import Mapping

from hypothesis import strategies as st

from k0rdent_azure.errors import StateError

#: Signs that parsers, terminals or people take for something else.
SIGNS = (
    "\t\n\r\x0b\x1b\x7f\x80\x85\x9b\xa0\xad\u061c\u200b\u200f"
    "\u2028\u2029\u202e\u2066\ufeff\ufffe\uffff\U0001fffe\U000e0041😀é"
)
#: Texts that a parser of YAML 1.1 or 1.2 would take for something else, were they not quoted.
AMBIGUOUS = (
    *(
        "yes",
        "No",
        "on",
        "OFF",
        "y",
        "n",
        "true",
        "FALSE",
        "null",
        "~",
        "",
        " ",
        "=",
        "<<",
        "---",
        "...",
        "-",
        "?",
    ),
    *(
        "0o14",
        "0x1f",
        "010",
        "1e3",
        "1E+3",
        ".5",
        "5.",
        "+7",
        "-0",
        "1_000",
        "12:30:45",
        ".inf",
        "-.INF",
        ".nan",
    ),
    *(
        "2025-01-07",
        "2025-01-07T15:30:00Z",
        "- a",
        "a: b",
        "a #b",
        "# a",
        "&a",
        "*a",
        "!a",
        "|",
        ">",
        "%a",
        "@",
        "`",
    ),
    *(
        "{a}",
        "[b]",
        "{",
        "]",
        ",",
        "'",
        '"',
        "\\",
        "\\u0041",
        "a\\",
        " lead",
        "trail ",
        "a\nb\n",
        "\n",
        "a:",
        ":",
        "?a",
    ),
)
TEXTS = (
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
    | st.text(st.sampled_from(f'{SIGNS}"\\ab:# -'), max_size=8)
    | st.sampled_from(AMBIGUOUS)
)
#: Any text but one may be a key.
KEYS = (st.sampled_from(["a", "b", "c", "x-y", "A.b/c_1"]) | TEXTS).filter(lambda key: key != "<<")
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.integers(-3, 3)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from([0.0, -0.0, 1.0, 1e16, 1e-7, 1e300, 5e-324])
    | TEXTS
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=20,
)
DOCUMENTS = st.dictionaries(KEYS, VALUES, max_size=6)


@st.composite
def nested(draw: st.DrawFn) -> object:
    """Collections in each other, about as deep as a document may be."""
    value: object = draw(st.sampled_from([1, "x", {}, []]))
    kinds = draw(st.lists(st.sampled_from("mlb"), min_size=55, max_size=70))
    for kind in kinds:
        value = {"a": value} if kind == "m" else [value] if kind == "l" else {"b": value, "c": [1]}
    return value


def same(left: object, right: object) -> bool:
    """Whether two values are equal with their types and their order: `1`, `1.0` and `True` are three."""
    if isinstance(left, dict) and isinstance(right, dict):
        return list(left) == list(right) and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    # repr tells -0.0 from 0.0.
    return type(left) is type(right) and left == right and repr(left) == repr(right)


def depth(value: object) -> int:
    """How many collections stand in each other; empty ones do not count."""
    if not isinstance(value, dict | list) or not value:
        return 0
    return 1 + max(map(depth, value.values() if isinstance(value, dict) else value))


class Model:
    """What a transaction's methods mean, on nested dictionaries and lists, copied as a whole each time."""

    def __init__(self, data: Mapping[str, object]) -> None:
        self.data: dict[str, object] = copy.deepcopy(dict(data))

    def set(self, keys: tuple[str, ...], value: object) -> None:
        """Raises StateError where the way leads through a value, or ends in a list."""
        data = copy.deepcopy(self.data)
        self._mapping(data, keys[:-1])[keys[-1]] = copy.deepcopy(value)
        self.data = data

    def merge(self, keys: tuple[str, ...], values: Mapping[str, object]) -> None:
        """Raises StateError as `set` does."""
        data = copy.deepcopy(self.data)
        self._mapping(data, keys).update(copy.deepcopy(dict(values)))
        self.data = data

    def delete(self, keys: tuple[str, ...]) -> None:
        """Nothing there is fine, and so is what is no mapping."""
        here: object = self.data
        for key in keys[:-1]:
            here = _step(here, key)
        if isinstance(here, dict):
            here.pop(keys[-1], None)

    @staticmethod
    def _mapping(data: dict[str, object], keys: tuple[str, ...]) -> dict[str, object]:
        here: object = data
        for key in keys:
            inner = _step(here, key)
            if isinstance(here, dict) and inner is None:
                inner = here[key] = {}
            here = inner
        if not isinstance(here, dict):
            raise StateError("no mapping")
        return here


def _step(here: object, key: str) -> object:
    """What stands under `key`; None where there is nothing."""
    if isinstance(here, dict):
        return here.get(key)
    if isinstance(here, list):
        try:
            return here[int(key)]
        except (ValueError, IndexError):
            return None
    return None
