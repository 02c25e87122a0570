"""kcm taken away from a cluster that stays, for a rollback to before it was installed."""

from __future__ import annotations

import shlex

from k0rdent_azure.cluster import removal
from k0rdent_azure.errors import ClusterError
from k0rdent_azure.phases.context import LOOKS_BEFORE_GIVING_UP, Context
from k0rdent_azure.phases.k0rdent_install import kubectl_command, kubectl_on_leader

#: Cloud seconds between two looks, and for which finalizers may work: kcm removes all that its components installed.
POLL = 10.0
PATIENCE = 1800.0


async def uninstall(ctx: Context) -> None:
    """Take kcm away, and wait until it is gone. Can be repeated, also after a run that ended in between.

    Raises ClusterError if kcm still manages clusters, or if an object is not deleted in time.
    """
    installed = ctx.state.k0rdent
    assert installed is not None, "the state begins with a k0rdent section"  # noqa: S101
    started, looks = ctx.clock.monotonic(), 0

    async def wait(leaving: removal.Leaving) -> None:
        nonlocal looks
        looks += 1
        ctx.observer.activity("kcm", f"waiting for {leaving.name} to be deleted: {leaving.why}")
        late = ctx.clock.monotonic() - started > PATIENCE
        if late and looks >= LOOKS_BEFORE_GIVING_UP:
            raise ClusterError(
                f"{leaving.name} is not deleted after {PATIENCE:.0f} s; it waits for {leaving.why}",
                hint=f"see what keeps it: {kubectl_command(ctx)} get {shlex.join(leaving.words)} -o yaml",
            )
        await ctx.sleep(POLL)

    await removal.uninstall(
        kubectl_on_leader(ctx), namespace=installed.namespace, release=installed.helm_release, wait=wait
    )
