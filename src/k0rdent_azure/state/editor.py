"""Changes one section of a document's next version, each change checked against the schema's types first."""

from __future__ import annotations

import datetime as dt
import decimal
import uuid
from collections.abc import Container, Iterable, Mapping, Sequence
from functools import cache
from typing import ClassVar, Generic, TypeVar, cast

import msgspec

from k0rdent_azure.errors import Fault, StateError, StateInvalidError
from k0rdent_azure.state.draft import Draft

Section = TypeVar("Section", bound=msgspec.Struct)

#: What msgspec would turn into text; the schema has text for none of it.
_NOT_PLAIN = (
    bytes,
    bytearray,
    memoryview,
    dt.datetime,
    dt.date,
    dt.time,
    dt.timedelta,
    uuid.UUID,
    decimal.Decimal,
)
_HINT = "nothing was changed; k0rdent-azure status shows what there is"


class Editor(Generic[Section]):
    """One section. A change that is refused changes nothing, and keys that the schema does not know stay.

    After each change the section is whole: it has every required field, each of its type.
    """

    #: The section's struct in `state.model`, and what of it `update` and `clear` take (`state.changes`).
    kind: ClassVar[type[msgspec.Struct]]
    takes: ClassVar[type | None] = None
    optional: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, draft: Draft, *keys: str) -> None:
        self._draft = draft
        self._keys = keys

    @property
    def exists(self) -> bool:
        """Whether the section is there, with the changes made so far."""
        return self._there() is not None

    @property
    def now(self) -> Section | None:
        """The section with the changes made so far; None where it is not there."""
        there = self._there()
        return None if there is None else cast(Section, self._converted(there, self.kind))

    def _update(self, changes: Mapping[str, object]) -> None:
        """Put each of `changes` beside what is there. Raises StateInvalidError, and StateError if nothing is there."""
        assert self.takes is not None  # noqa: S101 - an editor with `update` has them
        self._refuse_unknown(changes, self.takes.__annotations__)
        plain = self._checked(changes, self.takes)
        self._refuse_partial(plain)
        if plain:
            self._draft.put(self._keys, plain)

    def _clear(self, fields: Sequence[str]) -> None:
        """Remove optional fields; one that is not there is fine. Raises StateInvalidError."""
        self._refuse_unknown(fields, self.optional)
        for field in fields:
            self._draft.delete((*self._keys, field))

    def _put(self, value: Section) -> None:
        plain = self._checked(value, self.kind)
        self._draft.put(self._keys, {key: inner for key, inner in plain.items() if inner is not None})
        for key, inner in plain.items():
            if inner is None:
                self._draft.delete((*self._keys, key))

    def _remove(self) -> None:
        self._draft.delete(self._keys)

    def _there(self) -> object:
        here: object = self._draft.data
        for key in self._keys:
            here = here.get(key) if isinstance(here, dict) else None
        return here

    def _checked(self, value: object, kind: type) -> dict[str, object]:
        """`value` as plain data, if it converts to `kind`. Raises StateInvalidError."""
        try:
            plain = msgspec.to_builtins(value, builtin_types=_NOT_PLAIN)
        except (TypeError, ValueError) as error:
            raise self._invalid("", str(error)) from None
        self._converted(plain, kind)
        return cast("dict[str, object]", plain)

    def _converted(self, plain: object, kind: type) -> object:
        try:
            return msgspec.convert(plain, kind)
        except msgspec.ValidationError as error:
            # "… - at `$.status`", "… - at `key` in `$.by_phase`"
            message, _, place = str(error).partition(" - at `")
            raise self._invalid(place.partition("$")[2].strip("`."), message) from None

    def _refuse_unknown(self, given: Iterable[str], known: Container[str]) -> None:
        for field in given:
            if field not in known:
                raise self._invalid(str(field), "cannot be changed here: it is no such field")

    def _refuse_partial(self, changes: Mapping[str, object]) -> None:
        missing = _required(self.kind).difference(changes)
        there = self._there() if missing else {}
        if not (isinstance(there, dict) and missing.issubset(there)):
            path = ".".join(self._keys)
            raise StateError(f"{path} is not in the state, and nothing was to make it", hint=_HINT)

    def _invalid(self, field: str, message: str) -> StateInvalidError:
        fault = Fault(path=".".join([*self._keys, field] if field else self._keys), message=message)
        return StateInvalidError(str(fault), faults=[fault], hint=_HINT)


class Whole(Editor[Section]):
    """A section that can come into being, and go, as a whole."""

    def put(self, value: Section) -> None:
        """Make it this: what is None in `value` is cleared, keys that the schema does not know stay."""
        self._put(value)

    def remove(self) -> None:
        """Remove it with all that it holds; nothing there is fine."""
        self._remove()


@cache
def _required(kind: type[msgspec.Struct]) -> frozenset[str]:
    return frozenset(field.encode_name for field in msgspec.structs.fields(kind) if field.required)
