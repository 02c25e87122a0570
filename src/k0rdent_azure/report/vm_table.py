"""The table of VMs: one line each, as many columns as the screen has room for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import msgspec

from k0rdent_azure.report.model import VmRow
from k0rdent_azure.report.text import age, clean, plural, shorten
from k0rdent_azure.report.theme import STYLES, Condition, Look, cloud_init_condition, condition_of

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

GAP = 2
#: More lines than these tell a reader nothing; who is not ready yet comes first, `--json` lists all.
MOST_LINES = 60
#: A reason why a VM failed may be long; the whole of it stands in the state.
LONGEST_DETAIL = 400


class Column(msgspec.Struct, frozen=True):
    """`rank` says which columns go first where the screen is narrow: the highest."""

    title: str
    rank: int
    cell: Callable[[VmRow, Look], tuple[str, str]]
    right: bool = False


def _fact(value: str | None, look: Look, style: str = "") -> tuple[str, str]:
    return (clean(value), style) if value else (look.none, "dim")


def _signed(condition: Condition, look: Look) -> tuple[str, str]:
    return look.sign(condition), STYLES[condition]


def _handshake(vm: VmRow, look: Look) -> tuple[str, str]:
    if vm.handshake_age_seconds is None:
        return look.none, "dim"
    return age(vm.handshake_age_seconds), "green"


def _bar(vm: VmRow, look: Look) -> tuple[str, str]:
    """One piece for each milestone on the way to a ready node."""
    done = vm.percent // 20
    return look.bar * done + look.rest * (
        5 - done
    ), "green" if done == 5 else "cyan" if done else "bright_black"


def _seen(vm: VmRow, look: Look) -> tuple[str, str]:
    return (look.none if vm.age_seconds is None else age(vm.age_seconds)), "dim"


COLUMNS = (
    Column("name", 0, lambda vm, look: _fact(vm.name, look, "bold")),
    Column("zone", 5, lambda vm, look: _fact(vm.zone, look)),
    Column("public", 2, lambda vm, look: _fact(vm.public_ip, look)),
    Column("private", 6, lambda vm, look: _fact(vm.private_ip, look)),
    Column("VPN", 3, lambda vm, look: _fact(vm.vpn_ip, look)),
    Column("peer", 7, _handshake, right=True),
    Column("status", 0, lambda vm, look: _fact(vm.status, look, STYLES[condition_of(vm.status)])),
    Column("init", 1, lambda vm, look: _signed(cloud_init_condition(vm.cloud_init), look)),
    Column("ssh", 1, lambda vm, look: _signed(condition_of(vm.ssh), look)),
    Column("k0s", 1, lambda vm, look: _signed(condition_of(vm.k0s), look)),
    Column("ready", 8, _bar),
    Column("seen", 4, _seen, right=True),
)


def vm_tables(vms: Sequence[VmRow], *, width: int, look: Look) -> list[RenderableType]:
    """A heading line, then per role what its VMs share and a line for each of them, or for those that matter most."""
    listed, hidden = _most_telling(vms)
    shown = _fitting(listed, width, look)
    lines: list[RenderableType] = [_line([(c.title, "dim") for c in COLUMNS if c in shown], shown)]
    for role in ("controller", "worker"):
        members = [vm for vm in vms if vm.role == role]
        if members:
            lines.append(_heading(role, members, look))
        for vm in (vm for vm in listed if vm.role == role):
            lines.append(_line([column.cell(vm, look) for column in shown], shown))
            if vm.detail and vm.status == "failed":
                lines.append(_detail(vm.detail, look))
    if hidden:
        lines.append(_rest(hidden, look))
    return lines


def _most_telling(vms: Sequence[VmRow]) -> tuple[list[VmRow], list[VmRow]]:
    """Who gets a line and who does not: failed ones first, then those not ready, then the first others."""
    order = sorted(vms, key=lambda vm: (vm.status != "failed", vm.percent == 100))
    told = {id(vm) for vm in order[:MOST_LINES]}
    return [vm for vm in vms if id(vm) in told], order[MOST_LINES:]


def _rest(hidden: Sequence[VmRow], look: Look) -> Text:
    """How many have no line, and how they are."""
    from rich.text import Text

    counts: dict[str, int] = {}
    for vm in hidden:
        word = "ready" if vm.percent == 100 else clean(vm.status)
        counts[word] = counts.get(word, 0) + 1
    said = ", ".join(f"{count:,} {word}" for word, count in counts.items())
    return Text(f"{look.more} and {len(hidden):,} more: {said} (status --json lists all)", "dim")


def _fitting(vms: Sequence[VmRow], width: int, look: Look) -> dict[Column, int]:
    """The columns that fit, with the width of each."""
    widths = {
        column: max([len(column.title), *(len(column.cell(vm, look)[0]) for vm in vms)]) for column in COLUMNS
    }
    while sum(widths.values()) + GAP * (len(widths) - 1) > width:
        last = max(widths, key=lambda column: column.rank)
        if last.rank == 0:
            break
        del widths[last]
    return widths


def _line(cells: Sequence[tuple[str, str]], columns: dict[Column, int]) -> Text:
    from rich.text import Text

    line = Text(no_wrap=True, overflow="ellipsis")
    for (value, style), (column, wide) in zip(cells, columns.items(), strict=True):
        padded = value.rjust(wide) if column.right else value.ljust(wide)
        line.append(padded, style).append(" " * GAP)
    line.rstrip()
    return line


def _heading(role: str, members: Sequence[VmRow], look: Look) -> Text:
    from rich.text import Text

    ready = sum(1 for vm in members if vm.percent == 100)
    sizes = sorted({clean(vm.size) for vm in members if vm.size})
    k0s_roles = sorted({clean(vm.k0s_role) for vm in members if vm.k0s_role and vm.k0s_role != role})
    said = look.join(f"{ready} of {len(members)} ready", ", ".join(sizes), ", ".join(k0s_roles))
    return Text.assemble((plural(2, role).split()[1], "bold cyan"), (f"  {said}", "dim"), no_wrap=True)


def _detail(detail: str, look: Look) -> RenderableType:
    from rich.padding import Padding
    from rich.text import Text

    return Padding(Text(f"{look.arrow} {shorten(clean(detail), LONGEST_DETAIL)}", style="red"), (0, 0, 0, 2))
