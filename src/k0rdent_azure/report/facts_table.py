"""The table of facts: one line for each part of the deployment, with its condition and the age of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from k0rdent_azure.config import resource_ids
from k0rdent_azure.report.model import ClusterRow, K0rdentRow, NetworkRow, StatusReport, ValidationRow, VpnRow
from k0rdent_azure.report.text import age, ago, clean, plural, shorten
from k0rdent_azure.report.theme import STYLES, Look, condition_of

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

_MOST_FAULTS = 6
_MOST_CHILDREN = 8
#: A verdict of `validate` as a status of the schema, for its sign and colour.
_VERDICTS = {"clean": "completed", "drift": "interrupted", "incomplete": "interrupted"}


def facts(report: StatusReport, width: int, look: Look) -> RenderableType:
    """Network, VPN, cluster, k0rdent, ARM calls, pending operations, in this order."""
    grid = _grid(width)
    _network(grid, report.network, look)
    if report.vpn:
        vpn = report.vpn
        _row(grid, look, "VPN", status=vpn.status, said=_vpn(vpn, look), seconds=vpn.age_seconds)
    if report.cluster:
        cluster = report.cluster
        said = _cluster(cluster, look)
        _row(grid, look, "cluster", status=cluster.status, said=said, seconds=cluster.age_seconds)
        if _made(cluster, look):
            _more(grid, (_made(cluster, look), "dim"))
    if report.k0rdent:
        kcm = report.k0rdent
        _row(grid, look, "k0rdent", status=kcm.status, said=_k0rdent(kcm, look), seconds=kcm.age_seconds)
        for line in (*_components(kcm, look), *_children(kcm)):
            _more(grid, line)
    if report.validation:
        _validation(grid, report.validation, look)
    _calls(grid, report, look)
    for operation in report.pending_operations:
        target = resource_ids.name(clean(operation.target))
        said = look.join(clean(operation.name), target, f"begun {ago(operation.age_seconds)}")
        _row(grid, look, "pending", status="in_progress", said=said, seconds=None, word="operation")
    return grid


def _grid(width: int) -> Table:
    from rich.table import Table

    grid = Table.grid(padding=(0, 2, 0, 0), pad_edge=False)
    grid.width = width
    grid.add_column(no_wrap=True, style="bold")
    grid.add_column(no_wrap=True)
    grid.add_column(ratio=1, overflow="fold")
    grid.add_column(no_wrap=True, justify="right", style="dim")
    return grid


def _row(
    grid: Table,
    look: Look,
    part: str,
    *,
    status: str,
    said: str,
    seconds: float | None,
    word: str | None = None,
    shown: str | None = None,
) -> None:
    """`word` stands for a fact without an age, `shown` for the status where that is no word of the schema."""
    from rich.text import Text

    condition = condition_of(status)
    told = f"{look.sign(condition)} {clean(word or shown or status).replace('_', ' ')}"
    seen = "" if word is not None else age(seconds)
    grid.add_row(part, Text(told, STYLES[condition]), Text(said), Text(seen))


def _validation(grid: Table, told: ValidationRow, look: Look) -> None:
    """What the last validation found: no longer the truth where a run began since."""
    counts = [
        (told.critical, "critical"),
        (told.warning, "warning"),
        (told.info, "info"),
        (told.ignored, "ignored"),
    ]
    said = [f"{count} {name}" for count, name in counts if count]
    said += [f"{plural(told.unread, 'part')} not read"] if told.unread else []
    said += ["with the hosts"] if told.hosts else []
    said += ["before the last run: validate again"] if told.outdated else []
    status = "pending" if told.outdated else _VERDICTS.get(told.verdict, "interrupted")
    status = "failed" if told.critical and not told.outdated else status
    _row(
        grid,
        look,
        "validation",
        status=status,
        said=look.join(*said),
        seconds=told.age_seconds,
        shown=told.verdict,
    )


def _more(grid: Table, said: tuple[str, str]) -> None:
    from rich.text import Text

    grid.add_row("", "", Text(*said), "")


def _network(grid: Table, network: NetworkRow, look: Look) -> None:
    group = network.resource_group
    if group is None:
        return
    owned = "" if network.resource_group_owned else "yours: destroy leaves it"
    said = look.join(clean(group.name), owned)
    _row(grid, look, "group", status=group.status, said=said, seconds=network.age_seconds)
    if network.vnet is None or network.subnet is None or network.nsg is None:
        return
    said = look.join(
        f"vnet {clean(network.vnet.address_prefix)}",
        f"subnet {clean(network.subnet.address_prefix)}",
        plural(network.nsg.rules_count or 0, "security rule"),
    )
    states = [network.vnet.status, network.subnet.status, network.nsg.status]
    status = next((state for state in states if state != "created"), "created")
    _row(grid, look, "network", status=status, said=said, seconds=network.age_seconds)


def _vpn(vpn: VpnRow, look: Look) -> str:
    ages = [peer.age_seconds for peer in vpn.peers if peer.age_seconds is not None]
    oldest = f"oldest handshake {ago(max(ages))}" if ages else "no handshake yet"
    peers = f"{vpn.peers_up} of {plural(vpn.peers_total, 'peer')} up"
    return look.join(clean(vpn.interface or vpn.network), f"UDP {vpn.port}", peers, oldest)


def _cluster(cluster: ClusterRow, look: Look) -> str:
    return look.join(
        f"k0s {clean(cluster.version)}" if cluster.version else "",
        f"{cluster.controllers_ready}/{cluster.controllers_total} controllers",
        f"{cluster.workers_ready}/{cluster.workers_total} workers",
    )


def _made(cluster: ClusterRow, look: Look) -> str:
    """Where the API is, and which tool installed it (a rehearsal's stand-in says so)."""
    by = shorten(clean(cluster.installed_by), 60) if cluster.installed_by else ""
    endpoint = f"API {clean(cluster.api_endpoint)}" if cluster.api_endpoint else ""
    return look.join(endpoint, f"by {by}" if by else "")


def _k0rdent(kcm: K0rdentRow, look: Look) -> str:
    total = kcm.components_total
    return look.join(
        f"{clean(kcm.helm_release)} {clean(kcm.version)}",
        f"in {clean(kcm.namespace)}",
        f"{kcm.components_ready} of {plural(total, 'component')} ready" if total else "",
        f"by {shorten(clean(kcm.installed_by), 60)}" if kcm.installed_by else "",
    )


def _children(kcm: K0rdentRow) -> Iterator[tuple[str, str]]:
    """The clusters that k0rdent manages, as they were last listed."""
    if not kcm.children:
        return
    names = [f"{child.namespace}/{child.name}" for child in kcm.children[:_MOST_CHILDREN]]
    more = len(kcm.children) - len(names)
    said = ", ".join([*names, *([f"and {more} more"] if more else [])])
    when = ago(kcm.children_age_seconds)
    yield f"manages {plural(len(kcm.children), 'cluster')} (listed {when}): {clean(said)}", "dim"


def _components(kcm: K0rdentRow, look: Look) -> Iterator[tuple[str, str]]:
    """What is ready by name; what is not, each with its reason."""
    ready = [clean(component.name) for component in kcm.components if component.success]
    if ready:
        yield ", ".join(ready), "dim"
    faulty = [component for component in kcm.components if not component.success]
    for component in faulty[:_MOST_FAULTS]:
        reason = shorten(clean(component.error or "not ready yet"), 160)
        yield f"{look.sign('busy')} {clean(component.name)}: {reason}", "yellow"
    if len(faulty) > _MOST_FAULTS:
        yield f"and {len(faulty) - _MOST_FAULTS} more", "yellow"


def _calls(grid: Table, report: StatusReport, look: Look) -> None:
    from rich.text import Text

    calls = report.api_calls
    by_phase = look.join(*(f"{clean(phase)} {count}" for phase, count in calls.by_phase.items()))
    grid.add_row("Azure", Text(plural(calls.total, "request")), Text(by_phase, "dim"), Text(""))
