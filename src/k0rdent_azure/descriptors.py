"""How many files and connections this process may have open at once: macOS starts with 256, a service with 1,024."""

from __future__ import annotations

from k0rdent_azure.errors import PrerequisiteError

#: What a process needs for itself: its streams, locks, the event loop, name lookups, k0sctl, connections to Azure.
_OWN = 64
#: For each VM: connections to its public address and over the VPN, and those that are just being closed.
_PER_VM = 4
#: What is asked for beyond the need where nothing forbids it.
_AMPLE = 4096


def needed_for(vms: int) -> int:
    """For a run over so many VMs."""
    return _OWN + _PER_VM * vms


def provide(needed: int) -> None:
    """Raise the soft limit to `needed` at least. Raises PrerequisiteError if the hard limit is lower than that."""
    found = raise_limit(needed)
    if found is not None and found < needed:
        raise PrerequisiteError(
            f"up to {needed} files and connections are open at once, and no more than {found} are allowed here",
            hint=f"let root raise the hard limit to {needed}: nofile in /etc/security/limits.conf, LimitNOFILE= of a "
            "service, or --ulimit nofile= of a container",
        )


def raise_limit(wanted: int) -> int | None:
    """Raise the soft limit as far towards `wanted`, or beyond, as can be; the limit now, None for no limit."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return None if soft == resource.RLIM_INFINITY else soft
    for target in (max(wanted, _AMPLE), wanted):
        allowed = target if hard == resource.RLIM_INFINITY else min(target, hard)
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
        except (OSError, ValueError):
            # macOS has a limit of its own below an unlimited hard one.
            continue
        return allowed
    return soft
