"""What `validate` tells: the document for scripts, and the lines for people, the worst first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Literal

import msgspec

from k0rdent_azure.report.grouping import grouped
from k0rdent_azure.report.text import clean, plural
from k0rdent_azure.report.theme import STYLES, Condition, Look
from k0rdent_azure.state.finding import SEVERITIES, Finding, Severity, Unread
from k0rdent_azure.state.model import LastValidation

Verdict = Literal["clean", "drift", "incomplete"]

_CONDITIONS: dict[Severity, Condition] = {"critical": "bad", "warning": "halted", "info": "busy"}
#: Pieces of one line with their rich styles.
Line = list[tuple[str, str]]


class Validation(msgspec.Struct, frozen=True, kw_only=True):
    """One comparison. `findings` are those that count; `ignored` those that a rule hides, each with its reason.

    `requests` counts every attempt. `hosts` tells whether the hosts were asked too. `run` names a run that is under
    way, whose changes may look like drift; `baseline` is when the baseline was recorded (None: there is none).
    `expired` are ignore rules whose day has passed, in words. `synced` are the changes that were written to the state.
    """

    deployment_id: str
    checked_at: str
    findings: Sequence[Finding]
    ignored: Sequence[Finding] = ()
    unread: Sequence[Unread] = ()
    expired: Sequence[str] = ()
    requests: int = 0
    hosts: bool = False
    run: str | None = None
    baseline: str | None = None
    synced: Sequence[Synced] = ()

    @property
    def verdict(self) -> Verdict:
        """Drift that was found is certain, whatever else could not be read."""
        if self.findings:
            return "drift"
        return "incomplete" if self.unread else "clean"


class Synced(msgspec.Struct, frozen=True, kw_only=True):
    """One value of the state that is another one in reality; `path` is its place in the document."""

    path: str
    old: str | None = None
    new: str | None = None


def counts_of(told: Validation) -> dict[Severity, int]:
    """How many findings there are of each severity."""
    counts: dict[Severity, int] = dict.fromkeys(SEVERITIES, 0)
    for each in told.findings:
        counts[each.severity] += 1
    return counts


def kept(told: Validation) -> LastValidation:
    """What the state keeps of it."""
    counts = counts_of(told)
    return LastValidation(
        checked_at=told.checked_at,
        verdict=told.verdict,
        critical=counts["critical"],
        warning=counts["warning"],
        info=counts["info"],
        ignored=len(told.ignored),
        unread=len(told.unread),
        hosts=told.hosts,
    )


def document(told: Validation) -> dict[str, object]:
    """The object that `--json` prints."""
    counts: dict[str, int] = {str(name): count for name, count in counts_of(told).items()}
    plain = {name: getattr(told, name) for name in told.__struct_fields__}
    return {"verdict": told.verdict, "counts": {**counts, "ignored": len(told.ignored)}, **plain}


def lines(told: Validation, look: Look, *, show_ignored: bool) -> Iterator[Line]:
    """Plain lines without control characters; commands stay whole, for copying."""
    yield from _told(told.findings, look)
    if show_ignored:
        yield from _told(told.ignored, look)
    for each in told.unread:
        yield [(f"{look.sign('waiting')} not read: ", STYLES["halted"]), (clean(each.what), "")]
        yield [("    ", ""), (clean(each.reason), "")]
    yield [(summary(told), "bold")]


def _told(findings: Sequence[Finding], look: Look) -> Iterator[Line]:
    resources = [list(group) for _, group in groupby(findings, key=lambda each: (each.type, each.resource))]
    for group in grouped(resources, _said_of):
        for found in group.shown:
            yield from _of_resource(found, look)
        if group.more:
            kind = clean(group.shown[0][0].type).rpartition("/")[2]
            yield [
                ("  and the same of ", ""),
                (f"{group.more:,} more {kind}", "bold"),
                (" (--json has all)", "dim"),
            ]


def _said_of(found: Sequence[Finding]) -> tuple[object, ...]:
    """What is said of a resource but for its own name: equal for all that drifted in the same way."""
    name = found[0].name
    return (
        found[0].type,
        *(
            (
                each.kind,
                each.severity,
                each.field,
                each.ignored,
                _without(name, each.expected),
                _without(name, each.found),
            )
            for each in found
        ),
    )


def _without(name: str, value: str | None) -> str:
    return (value or "").replace(name, "*")


def _of_resource(found: Sequence[Finding], look: Look) -> Iterator[Line]:
    condition = _CONDITIONS[found[0].severity]
    kind = clean(found[0].type).rpartition("/")[2]
    yield [
        (f"{look.sign(condition)} {found[0].severity}", STYLES[condition]),
        (f"  {kind} ", ""),
        (clean(found[0].name), "bold"),
    ]
    for each in found:
        yield [("    ", ""), (_difference(each, look), "")]
        yield [("      ", ""), (clean(each.action), "dim")]
        if each.ignored is not None:
            until = f" (until {clean(each.ignored.until)})" if each.ignored.until else ""
            yield [("      ", ""), (f"ignored: {clean(each.ignored.reason)}{until}", "dim")]


def _difference(each: Finding, look: Look) -> str:
    if each.field is None:
        return {"missing": "is not there", "unexpected": "is nothing that was deployed"}.get(
            each.kind, each.kind
        )
    was, now = (clean(value) if value else "nothing" for value in (each.expected, each.found))
    return f"{clean(each.field)}: {was} {look.arrow} {now}"


def summary(told: Validation) -> str:
    """The verdict in one line."""
    counts = [f"{count} {severity}" for severity, count in counts_of(told).items() if count]
    said = {
        "clean": "as it was deployed",
        "drift": f"drift: {', '.join(counts)}",
        "incomplete": "no drift in what could be read",
    }[told.verdict]
    ignored = f"; {len(told.ignored)} ignored" if told.ignored else ""
    unread = f"; {plural(len(told.unread), 'part')} not read" if told.unread else ""
    return f"{clean(told.deployment_id)}: {said}{ignored}{unread} ({plural(told.requests, 'ARM request')})"
