"""Draws a run in progress: phases with their durations, VMs with what each is doing, and what is waited for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from k0rdent_azure.report.model import PhaseRow, StatusReport, VmRow
from k0rdent_azure.report.status import summary
from k0rdent_azure.report.status_view import WIDEST, bar, heading, phase_table, title
from k0rdent_azure.report.text import clean, duration, plural, shorten
from k0rdent_azure.report.theme import STYLES, Look, condition_of
from k0rdent_azure.state.model import State

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

_NOTICES_SHOWN = 3
#: Lines that are always there: title, bar, two headings with a blank line each, seven phases, one of reserve.
_FIXED_LINES = 14
_FEWEST_VMS = 3
_WAITING = {
    "arm_deployment": "Azure's answer",
    "vpn": "WireGuard to come up",
    "k0sctl_apply": "k0sctl to end (stopping it half-way would reset nodes)",
    "kcm_install": "the chart to be applied",
    "destroy": "Azure's answer",
}


class Frame:
    """What the display knows; every `at` is a reading of one monotonic clock, in real seconds."""

    def __init__(self) -> None:
        self.state: State | None = None
        self.activities: dict[str, str] = {}
        self.notices: list[str] = []
        self.stopping = False
        self._found: State | None = None
        self._committed = 0.0
        self._shown: dict[str, float] = {}
        self._ended: float | None = None

    def show(self, state: State, *, at: float) -> None:
        """Take the newest state, which was committed at `at`."""
        if self._found is None:
            self._found = state
        if self.state is not None and state.metadata.deployment_phase != self.state.metadata.deployment_phase:
            self.activities = {}
        self.state, self._committed = state, at

    def do(self, resource: str, text: str) -> None:
        """Note what is done with a resource; empty: nothing."""
        activities = dict(self.activities)
        activities.pop(resource, None)
        if text:
            activities[resource] = text
        # A new mapping each time: the display's thread reads while the run writes.
        self.activities = activities

    def note(self, text: str) -> bool:
        """Keep a notice; False where it was said before."""
        if text in self.notices:
            return False
        self.notices = [*self.notices, text]
        return True

    def finish(self, *, at: float) -> None:
        """Stop all clocks."""
        self.activities = {}
        if self._ended is None:
            self._ended = at

    @property
    def is_over(self) -> bool:
        return self._ended is not None

    def seconds(self, row: PhaseRow, at: float) -> float | None:
        """Cloud seconds that a phase has taken: what is recorded, and of the phase that runs the time since then.

        Every commit records the time of the phase that runs, so only what came after the last one is added. What was
        shown once is never taken back: the record is rounded.
        """
        if self.state is None or not self._is_running(row):
            return row.seconds
        speed = self.state.metadata.clock_speed or 1.0
        # The display's thread may have read the clock a moment before the commit.
        since = max(0.0, (at if self._ended is None else self._ended) - self._committed)
        told = max((row.seconds or 0.0) + since * speed, self._shown.get(row.name, 0.0))
        self._shown[row.name] = told
        return told

    def _is_running(self, row: PhaseRow) -> bool:
        """Whether this run works on the phase. What a run that died left as `in_progress` is on hold until it does."""
        if self.state is None or self._found is None or row.status != "in_progress":
            return False
        phase = self.state.metadata.deployment_phase
        if row.name != phase:
            return False
        found = self._found
        return phase != found.metadata.deployment_phase or self.state.phases.get(phase) != found.phases.get(
            phase
        )


def render(
    frame: Frame, *, width: int, height: int | None, at: float, ascii_only: bool = False
) -> RenderableType:
    """One frame, at most `height` lines where that is possible (None: as many as it takes)."""
    from rich.console import Group

    look, width = Look(ascii_only=ascii_only), min(width, WIDEST)
    if frame.state is None:
        return Group(*_notices(frame, look))
    report = summary(frame.state, now=datetime.now(UTC), live_holder=None, events=0)
    return Group(*_parts(frame, report, width=width, height=height, at=at, look=look))


def _parts(
    frame: Frame, report: StatusReport, *, width: int, height: int | None, at: float, look: Look
) -> Iterator[RenderableType]:
    phases = [_ticking(row, frame, at) for row in report.phases]
    spent = sum(row.seconds or 0.0 for row in phases)
    place = look.join(clean(report.cloud), clean(report.location or ""))
    yield title(report.deployment_id, place, look.join(duration(spent), _requests(report)), width)
    note = f"{report.progress.done} of {report.progress.total} phases"
    yield bar(report.progress.percent, note, width, look)
    yield heading("phases", width, look)
    yield phase_table(phases, look)
    if report.vms:
        ready = f"{report.vms_ready} of {len(report.vms)} ready"
        yield heading("virtual machines", width, look, right=ready)
        room = None if height is None else height - _FIXED_LINES - len(frame.notices[-_NOTICES_SHOWN:])
        yield from _vm_lines(report.vms, frame.activities, room=room, width=width, look=look)
    yield from _others(frame, report.vms, look)
    yield from _notices(frame, look)


def _requests(report: StatusReport) -> str:
    return plural(report.api_calls.total, "ARM request")


def _ticking(row: PhaseRow, frame: Frame, at: float) -> PhaseRow:
    row.seconds = frame.seconds(row, at)
    return row


def _vm_lines(
    vms: Sequence[VmRow], activities: dict[str, str], *, room: int | None, width: int, look: Look
) -> Iterator[Text]:
    """One line per VM; where they do not fit, those that are busy or behind come first."""
    from rich.text import Text

    shown = list(vms)
    if room is not None and len(shown) > room:
        most = max(_FEWEST_VMS, room - 1)
        first = sorted(shown, key=lambda vm: (vm.name not in activities, vm.percent))[:most]
        shown = [vm for vm in shown if vm in first]
    names = max(len(clean(vm.name)) for vm in shown)
    addresses = max(len(clean(vm.public_ip or "")) for vm in shown)
    for vm in shown:
        line = _vm_line(vm, activities.get(vm.name, ""), look, names=names, addresses=addresses)
        line.truncate(width, overflow="ellipsis")
        yield line
    if len(shown) < len(vms):
        hidden = [vm for vm in vms if vm not in shown]
        ready = sum(1 for vm in hidden if vm.percent == 100)
        yield Text(f"and {len(hidden)} more, {ready} of them ready", "dim")


def _vm_line(vm: VmRow, doing: str, look: Look, *, names: int, addresses: int) -> Text:
    from rich.text import Text

    done = vm.percent // 20
    failed = vm.status == "failed"
    style = "red" if failed else "green" if done == 5 else "cyan"
    line = Text(no_wrap=True, overflow="ellipsis")
    line.append(f"{clean(vm.name):<{names}}  ", "bold").append(look.bar * done, style)
    line.append(look.rest * (5 - done), "bright_black").append(f"  {clean(vm.public_ip or ''):<{addresses}}")
    line.append("  " if addresses else "")
    said = clean(vm.detail or "failed") if failed else clean(doing) or _standing(vm)
    line.append(said, "red" if failed else "" if doing else "dim")
    return line


def _standing(vm: VmRow) -> str:
    """The last milestone that a VM reached, in words."""
    if vm.percent == 100:
        return "ready"
    if vm.k0s == "installing":
        return "installing k0s"
    return {
        0: {"pending": "planned", "creating": "Azure makes it"}.get(vm.status, vm.status),
        20: "runs, waiting for cloud-init",
        40: "cloud-init done",
        60: "on the VPN",
        80: "reachable over the VPN",
    }[vm.percent]


def _others(frame: Frame, vms: Sequence[VmRow], look: Look) -> Iterator[RenderableType]:
    """Activities of what is no VM (kcm, a resource group)."""
    from rich.text import Text

    names = {vm.name for vm in vms}
    others = [(name, text) for name, text in frame.activities.items() if name not in names]
    if others:
        yield Text("")
    for name, text in others:
        sign = look.sign("busy")
        yield Text.assemble(
            (f"{sign} {clean(name)}", "cyan"), f"  {shorten(clean(text), 200)}", overflow="ellipsis"
        )


def _notices(frame: Frame, look: Look) -> Iterator[RenderableType]:
    from rich.text import Text

    shown = frame.notices[-_NOTICES_SHOWN:]
    if shown:
        yield Text("")
    for text in shown:
        yield Text(f"{look.sign('halted')} {clean(text)}", STYLES["halted"])
    if frame.stopping and not frame.is_over:
        yield Text(f"{look.sign('busy')} waiting for {waiting_for(frame)}", f"bold {STYLES['halted']}")


def waiting_for(frame: Frame) -> str:
    """What keeps a run that was asked to stop."""
    if frame.state is None:
        return "the current step"
    for operation in frame.state.pending_operations.values():
        if operation.kind in _WAITING:
            return _WAITING[operation.kind]
    record = frame.state.phases.get(frame.state.metadata.deployment_phase)
    if record is not None and record.step and condition_of(record.status) == "busy":
        return f"{frame.state.metadata.deployment_phase}: {clean(record.step)}"
    return "the current step"
