"""Draws a status report for a terminal (or a picture of one) of any width from 60 columns on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from k0rdent_azure.report import timeline
from k0rdent_azure.report.facts_table import facts
from k0rdent_azure.report.model import PhaseRow, Problem, StatusReport
from k0rdent_azure.report.text import ago, clean, duration, plural
from k0rdent_azure.report.theme import STYLES, Condition, Look, condition_of
from k0rdent_azure.report.trouble import trouble
from k0rdent_azure.report.vm_table import vm_tables

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
    from rich.text import Text

#: Wider than this, lines are harder to follow, not easier.
WIDEST = 132
_LONGEST_BAR = 30
#: What the headline of a completed deployment names of what is wrong; `--json` has all.
MOST_PROBLEMS = 3


def render(report: StatusReport, *, width: int, ascii_only: bool = False) -> RenderableType:
    """The whole screen. Nothing in `report` is trusted: every text is cleaned on its way."""
    from rich.console import Group

    look, width = Look(ascii_only=ascii_only), min(width, WIDEST)
    return Group(*_parts(report, width, look))


def _parts(report: StatusReport, width: int, look: Look) -> Iterator[RenderableType]:
    yield title(report.deployment_id, _place(report, look), f"written {ago(report.facts['state'])}", width)
    yield _headline(report, look)
    yield bar(report.progress.percent, _note(report), width, look, is_well=_is_well(report))
    yield from trouble(report, look)
    yield heading("phases", width, look)
    yield phase_table(report.phases, look, halted=report.run.phase if report.run.died else None)
    if report.vms:
        yield heading("virtual machines", width, look, right=f"checked {ago(report.facts['vms'])}")
        yield from vm_tables(report.vms, width=width, look=look)
    yield heading("facts", width, look, right="age")
    yield facts(report, width, look)
    if report.events:
        yield heading("last events", width, look)
        yield timeline.recent(report.events, width=width, look=look)
    yield heading("next", width, look)
    yield from _next(report)


def title(name: str, place: str, right: str, width: int) -> RenderableType:
    """Who this is about, on one line."""
    from rich.text import Text

    left = Text.assemble((clean(name), "bold"), (f"  {place}", "dim"))
    room = width - left.cell_len - len(right)
    return left.append(" " * room + right, "dim") if room >= 2 else left


def _place(report: StatusReport, look: Look) -> str:
    speed = report.clock_speed
    return look.join(
        clean(report.cloud),
        clean(report.location or ""),
        f"clock at {speed:g}x" if speed not in (None, 1) else "",
    )


def heading(name: str, width: int, look: Look, right: str = "") -> RenderableType:
    """A quiet line between sections."""
    from rich.text import Text

    tail = f" {right}" if right else ""
    rule = look.rest * max(0, width - len(name) - len(tail) - 1)
    return Text.assemble("\n", (name, "bold"), " ", (rule, "bright_black"), (tail, "dim"), no_wrap=True)


def bar(percent: int, note: str, width: int, look: Look, *, is_well: bool = True) -> Text:
    """Progress over the whole width, and what it means in figures; green only if all is done and well."""
    from rich.text import Text

    figures = f"  {percent:>3}%  {note}"
    room = max(10, width - len(figures))
    filled = room * percent // 100
    return Text.assemble(
        (look.bar * filled, "green" if percent == 100 and is_well else "cyan"),
        (look.rest * (room - filled), "bright_black"),
        (figures[:6], "bold"),
        (figures[6:], "dim"),
        no_wrap=True,
    )


def _note(report: StatusReport) -> str:
    measured = [phase.seconds for phase in report.phases if phase.seconds is not None]
    spent = f" in {duration(sum(measured))}" if measured else ""
    return f"{report.progress.done} of {report.progress.total} phases{spent}"


def _headline(report: StatusReport, look: Look) -> Text:
    """One sentence: how the deployment stands, and who works on it."""
    from rich.text import Text

    condition, word, said = _standing(report, look)
    style = f"bold {STYLES[condition]}" if condition != "waiting" else "bold"
    return Text.assemble((f"{look.sign(condition)} {word}", style), (f"  {said}", ""))


def _is_well(report: StatusReport) -> bool:
    return report.health is None or report.health.verdict in ("well", "unfinished")


def _standing(report: StatusReport, look: Look) -> tuple[Condition, str, str]:
    run, status = report.run, report.status
    if run.holder is not None:
        holder = run.holder
        who = f"{clean(holder.user)}@{clean(holder.host)}, process {holder.pid}, {ago(holder.age_seconds)}"
        doing = look.join(clean(run.phase), clean(run.step or ""))
        return "busy", "running", f"{clean(holder.command)} by {who} {look.dot} {doing}"
    if run.died:
        command = clean(run.command or "run")
        return (
            "halted",
            "died",
            f"the {command} ended without a word {ago(run.age_seconds)}, in {clean(run.phase)}",
        )
    ready = f"{report.vms_ready} of {plural(len(report.vms), 'VM')} ready" if report.vms else ""
    where = "" if status == "completed" else f"in {clean(run.phase)}"
    condition = condition_of(status)
    if condition == "good" and report.health is not None and report.health.problems:
        condition = "bad" if report.health.verdict == "bad" else "halted"
        where = _problems(report.health.problems)
    return condition, status.replace("_", " "), look.join(where, ready)


def _problems(problems: Sequence[Problem]) -> str:
    shown = "; ".join(clean(each.what) for each in problems[:MOST_PROBLEMS])
    more = f"; and {len(problems) - MOST_PROBLEMS} more" if len(problems) > MOST_PROBLEMS else ""
    return f"but {shown}{more}"


def phase_table(rows: Sequence[PhaseRow], look: Look, *, halted: str | None = None) -> RenderableType:
    """One line per phase: condition, name, duration with a bar to compare by, and the step of an open one."""
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(no_wrap=True, justify="right")
    grid.add_column(no_wrap=True, overflow="ellipsis")
    longest = max((row.seconds or 0.0 for row in rows), default=0.0)
    for row in rows:
        condition = "halted" if row.name == halted and row.status != "completed" else condition_of(row.status)
        name = Text(f"{look.sign(condition)} {row.name}", STYLES[condition])
        if row.step and row.status != "completed":
            said = Text(clean(row.step), STYLES[condition])
        else:
            length = round(_LONGEST_BAR * (row.seconds or 0.0) / longest) if longest else 0
            said = Text(look.bar * length, "bright_black")
        grid.add_row(name, Text(duration(row.seconds), "dim"), said)
    return grid


class WholeLine:
    """A line that is never broken by us: a command stays whole for copying, however narrow the screen."""

    def __init__(self, text: str, style: str) -> None:
        self._text, self._style = text, style

    def __rich_console__(self, console: Console, _options: ConsoleOptions) -> RenderResult:
        from rich.segment import Segment

        yield Segment(self._text, console.get_style(self._style))
        yield Segment.line()


def _next(report: StatusReport) -> Iterator[RenderableType]:
    from rich.text import Text

    if report.next.command is None:
        # Nothing is to be typed here; the reason may still hold a command to copy.
        yield WholeLine(clean(report.next.reason), "")
        return
    yield WholeLine(clean(report.next.command), "bold cyan")
    yield Text(clean(report.next.reason), "dim")
