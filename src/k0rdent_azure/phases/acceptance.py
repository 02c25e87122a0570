"""Parts findings into those that count and those that a rule hides. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

import msgspec

from k0rdent_azure.config.drift import has_expired, matches
from k0rdent_azure.config.model import IgnoreRule
from k0rdent_azure.state.finding import Finding, Ignored


@dataclass(frozen=True, slots=True)
class Sorted:
    """`expired` are rules that hide nothing any more, in words."""

    findings: Sequence[Finding]
    ignored: Sequence[Finding]
    expired: Sequence[str]


def accept(found: Iterable[Finding], rules: Sequence[IgnoreRule], *, today: date) -> Sorted:
    """The first rule in force that speaks of a finding hides it."""
    in_force = [rule for rule in rules if not has_expired(rule, today)]
    findings: list[Finding] = []
    ignored: list[Finding] = []
    for each in found:
        rule = next((rule for rule in in_force if _speaks_of(rule, each)), None)
        if rule is None:
            findings.append(each)
        else:
            ignored.append(
                msgspec.structs.replace(each, ignored=Ignored(reason=rule.reason, until=rule.until))
            )
    expired = [
        f"the rule for {rule.resource}, {rule.field} ({rule.reason}) ended on {rule.until}"
        for rule in rules
        if has_expired(rule, today)
    ]
    return Sorted(findings, ignored, expired)


def _speaks_of(rule: IgnoreRule, each: Finding) -> bool:
    return matches(rule, resource=each.resource, type_=each.type, name=each.name, field=each.field or "")
