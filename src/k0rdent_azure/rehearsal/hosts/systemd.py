"""`systemctl` on a simulated machine: its base services, WireGuard's unit and k0s' own."""

from __future__ import annotations

from k0rdent_azure.rehearsal.hosts.host import UNIT_FOLDER, WIREGUARD_UNIT, Host
from k0rdent_azure.rehearsal.hosts.k0s import UNITS, K0s
from k0rdent_azure.rehearsal.hosts.shell import Process

_BASE = ("ssh", "cron", "systemd-networkd", "systemd-resolved", "systemd-timesyncd", "dbus")


def unit_path(host: Host, unit: str) -> str | None:
    """The unit's file, or None if there is no such unit."""
    path = f"{UNIT_FOLDER}/{unit}.service"
    if host.files.get(path) is not None:
        return path
    if unit in _BASE:
        return f"/lib/systemd/system/{unit}.service"
    if unit == WIREGUARD_UNIT and "wireguard" in host.config.packages:
        return "/lib/systemd/system/wg-quick@.service"
    return None


def active(host: Host, unit: str, now: float) -> bool:
    if unit_path(host, unit) is None or unit in host.state.stopped:
        return False
    if unit == WIREGUARD_UNIT:
        return host.wireguard(now) is not None
    if unit in UNITS:
        node = host.state.node
        return node is not None and node.service == unit and host.node_running(now)
    return True


async def systemctl(process: Process, host: Host, k0s: K0s, now: float) -> int:
    words = [
        word
        for word in process.argv[1:]
        if word not in {"--no-pager", "--quiet", "-q", "--now", "--no-ask-password"}
    ]
    verb = words[0] if words else "list-units"
    units = [word.removesuffix(".service") for word in words[1:] if not word.startswith("-")]
    if verb in {"daemon-reload", "is-system-running"}:
        return process.out("running\n" if verb == "is-system-running" else "")
    if verb == "show":
        return _show(process, host, units, words)
    if units and verb in {"is-active", "is-enabled"}:
        return _is(process, host, verb, units, now)
    if units and verb == "status":
        return _status(process, host, units[0], now)
    if units and verb in {"start", "stop", "restart", "reload", "enable", "disable", "try-restart"}:
        return _change(process, host, k0s, verb, units)
    return process.fail(f"Unknown command verb '{verb}'." if units else "Too few arguments.")


def _show(process: Process, host: Host, units: list[str], words: list[str]) -> int:
    wanted = words[words.index("-p") + 1] if "-p" in words else "FragmentPath"
    units = [unit for unit in units if unit != wanted]
    for unit in units:
        values = {
            "FragmentPath": unit_path(host, unit) or "",
            "LoadState": "loaded" if unit_path(host, unit) else "not-found",
        }
        process.out(f"{wanted}={values.get(wanted, '')}\n")
    return 0


def _is(process: Process, host: Host, verb: str, units: list[str], now: float) -> int:
    status = 0
    for unit in units:
        if verb == "is-active":
            good = active(host, unit, now)
            process.out("active\n" if good else "inactive\n")
        else:
            good = unit_path(host, unit) is not None
            process.out("enabled\n" if good else "disabled\n")
        status = status if good else 3 if verb == "is-active" else 1
    return status


def _status(process: Process, host: Host, unit: str, now: float) -> int:
    path = unit_path(host, unit)
    if path is None:
        return process.fail(f"Unit {unit}.service could not be found.", 4)
    good = active(host, unit, now)
    word = (
        "active (exited)"
        if good and unit == WIREGUARD_UNIT
        else "active (running)"
        if good
        else "inactive (dead)"
    )
    process.out(
        f"{'●' if good else '○'} {unit}.service\n     Loaded: loaded ({path}; enabled)\n     Active: {word}\n"
    )
    return 0 if good else 3


def _change(process: Process, host: Host, k0s: K0s, verb: str, units: list[str]) -> int:
    if process.user != "root":
        return process.fail(f"Failed to {verb} {units[0]}.service: Interactive authentication required.")
    for unit in units:
        if unit_path(host, unit) is None:
            return process.fail(f"Failed to {verb} {unit}.service: Unit {unit}.service not found.", 5)
        if verb in {"stop", "restart", "try-restart"}:
            host.state.stopped = sorted({*host.state.stopped, unit})
            if unit in UNITS:
                k0s.stop()
        if verb in {"start", "restart", "try-restart"}:
            host.state.stopped = [name for name in host.state.stopped if name != unit]
            if unit in UNITS:
                k0s.start()
        host.files.changed = True
    return 0
