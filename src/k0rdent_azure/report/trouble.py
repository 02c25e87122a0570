"""What went wrong, in words to act on: a failure, a run that died, a configuration that was changed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from k0rdent_azure.config import resource_ids
from k0rdent_azure.report.model import FailureRow, OperationRow, RunRow, StatusReport
from k0rdent_azure.report.text import ago, clean, plural, shorten
from k0rdent_azure.report.theme import Look

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
    from rich.text import Text

_MOST_PATHS = 6
_LONGEST = 1200


def trouble(report: StatusReport, look: Look) -> Iterator[RenderableType]:
    """Nothing where nothing is wrong."""
    if report.failure is not None:
        yield from _block(_failure(report.failure, look), "red", look)
    if report.run.died:
        yield from _block(_death(report.run, report.pending_operations, look), "yellow", look)
    if report.config.changed:
        yield from _block(_changed(report.config.file, report.config.changed, look), "yellow", look)


class _Edged:
    """Text behind a coloured edge, which goes on where lines wrap."""

    def __init__(self, body: Text, colour: str, look: Look) -> None:
        self._body, self._colour, self._edge = body, colour, look.edge

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        from rich.segment import Segment
        from rich.style import Style

        inner = options.update_width(options.max_width - len(self._edge))
        for line in console.render_lines(self._body, inner, pad=False):
            yield Segment(self._edge, Style.parse(self._colour))
            yield from line
            yield Segment.line()


def _block(lines: list[tuple[str, str]], colour: str, look: Look) -> Iterator[RenderableType]:
    from rich.text import Text

    yield Text("")
    yield _Edged(Text("\n").join(Text(text, style) for text, style in lines if text), colour, look)


def _failure(failure: FailureRow, look: Look) -> list[tuple[str, str]]:
    what = look.join(
        f"failed in {clean(failure.phase)} {ago(failure.age_seconds)}",
        clean(failure.code or ""),
        resource_ids.name(clean(failure.resource or "")),
    )
    hint = f"{look.arrow} {clean(failure.hint)}" if failure.hint else ""
    message = shorten(clean(failure.message, lines=True), _LONGEST)
    return [(what, "bold red"), (message, ""), (hint, "yellow")]


def _death(run: RunRow, pending: list[OperationRow], look: Look) -> list[tuple[str, str]]:
    who = f"{clean(run.user)}@{clean(run.host)}, process {run.pid}" if run.pid else ""
    began = f"begun {clean(run.started_at)}" if run.started_at else ""
    step = f", while: {clean(run.step)}" if run.step else ""
    lines = [
        (
            f"no process works on this deployment, but its {clean(run.command or 'last run')} never ended",
            "bold yellow",
        ),
        (look.join(who, began), "dim"),
        (
            f"last sign of life {clean(run.last_sign_of_life)} ({ago(run.age_seconds)}) in {clean(run.phase)}{step}",
            "",
        ),
    ]
    for operation in pending:
        target = resource_ids.name(clean(operation.target))
        lines.append(
            (f"outcome unknown: {clean(operation.name)} of {target}, begun {ago(operation.age_seconds)}", "")
        )
    return lines


def _changed(file: str | None, paths: list[str], look: Look) -> list[tuple[str, str]]:
    shown = ", ".join(clean(path) for path in paths[:_MOST_PATHS])
    more = f" and {plural(len(paths) - _MOST_PATHS, 'more setting')}" if len(paths) > _MOST_PATHS else ""
    return [
        (
            f"{clean(file or 'the configuration')} was changed since this deployment was created",
            "bold yellow",
        ),
        (f"{shown}{more} {look.dot} the snapshot in the state counts", ""),
    ]
