"""How the words of the state look: one sign and one colour for each of five conditions."""

from __future__ import annotations

from typing import Literal

Condition = Literal["good", "busy", "waiting", "halted", "bad"]

#: Rich style names; colours of the user's own terminal theme, and never the only carrier of a meaning.
STYLES: dict[Condition, str] = {
    "good": "green",
    "busy": "cyan",
    "waiting": "dim",
    "halted": "yellow",
    "bad": "red",
}
_SIGNS: dict[Condition, str] = {"good": "✓", "busy": "●", "waiting": "○", "halted": "!", "bad": "✗"}
_ASCII_SIGNS: dict[Condition, str] = {"good": "+", "busy": "*", "waiting": ".", "halted": "!", "bad": "x"}

_CONDITIONS: dict[Condition, tuple[str, ...]] = {
    "good": ("completed", "created", "running", "done", "verified", "ready", "connected", "deployed"),
    "busy": ("in_progress", "creating", "installing", "deploying", "deleting", "destroying"),
    "halted": ("interrupted", "stopped", "disconnected"),
    "bad": ("failed",),
}
_BY_WORD = {word: condition for condition, words in _CONDITIONS.items() for word in words}


def condition_of(word: str | None) -> Condition:
    """The condition behind a status word of the schema; an unknown word is `waiting`."""
    return _BY_WORD.get(word or "", "waiting")


def cloud_init_condition(word: str | None) -> Condition:
    """cloud-init's `running` is work in progress, unlike a VM's."""
    return "busy" if word == "running" else condition_of(word)


class Look:
    """The characters to draw with: what the terminal's encoding can show."""

    def __init__(self, *, ascii_only: bool = False) -> None:
        self._signs = _ASCII_SIGNS if ascii_only else _SIGNS
        #: What is done and what is left of a bar: they differ without any colour too.
        self.bar, self.rest = ("=", "-") if ascii_only else ("━", "─")
        self.edge = "| " if ascii_only else "▌ "
        self.dot = "-" if ascii_only else "·"
        self.arrow = "->" if ascii_only else "→"
        self.more = "..." if ascii_only else "…"
        self.none = "-" if ascii_only else "·"

    def sign(self, condition: Condition) -> str:
        return self._signs[condition]

    def join(self, *parts: str) -> str:
        """The parts that say something, with dots between."""
        return f" {self.dot} ".join(part for part in parts if part)
