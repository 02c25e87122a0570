"""What advice on a refusal of Azure's consists of, and how a rule recognises the family that a refusal belongs to."""

from __future__ import annotations

import re
from dataclasses import dataclass

from k0rdent_azure.errors import Way


@dataclass(frozen=True, slots=True)
class Advice:
    """`meaning` completes "VM x: …"; `fix` is what has to be done before the command that `way` leads to.

    Neither names a command of this program: which one helps depends on what exists. `places` are the settings of
    k0rdent.yaml that could change. `{names}` are filled in from Azure's text and from where the request went.
    `fix_in_group` and `way_in_group` are for a deployment into a group of the user's, who may have no rights beyond it.
    """

    family: str
    meaning: str
    fix: str
    way: Way = "again"
    places: tuple[str, ...] = ()
    fix_in_group: str = ""
    way_in_group: Way | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """Fits an error by its code (one of `codes`, or `like` this), or by its words, whatever its code (`said`).

    Codes are compared without case, as Azure's services spell them differently. With `only`, the words have to match
    that as well.
    """

    advice: Advice
    codes: frozenset[str]
    like: re.Pattern[str] | None
    said: re.Pattern[str] | None
    only: re.Pattern[str] | None

    def fits(self, code: str, words: str) -> bool:
        by_code = code.lower() in self.codes or (self.like is not None and bool(self.like.search(code)))
        by_words = self.said is not None and bool(self.said.search(words))
        return (by_code or by_words) and (self.only is None or bool(self.only.search(words)))


def rule(advice: Advice, *codes: str, like: str = "", said: str = "", only: str = "") -> Rule:
    """A rule for these codes, or codes `like` this, or words `said`."""
    return Rule(
        advice, frozenset(code.lower() for code in codes), _pattern(like), _pattern(said), _pattern(only)
    )


def _pattern(text: str) -> re.Pattern[str] | None:
    return re.compile(text, re.IGNORECASE | re.DOTALL) if text else None
