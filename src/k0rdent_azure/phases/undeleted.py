"""What Azure does not delete is recorded in its words, and after a few looks the run ends with what to do about it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from shlex import quote

from k0rdent_azure.azure import undeleted
from k0rdent_azure.azure.undeleted import Trouble, Troubles
from k0rdent_azure.config import resource_ids
from k0rdent_azure.errors import AzureRequestError, NotDeletedError
from k0rdent_azure.phases import standing
from k0rdent_azure.phases.context import Context
from k0rdent_azure.state.intents import DESTROY


def record(ctx: Context, troubles: Troubles) -> None:
    """An event for what Azure says that it did not say before. Raises NotDeletedError if something is given up."""
    new = [each for each in troubles.by_id.values() if not each.is_told]
    if new:
        with ctx.commit() as tx:
            for each in new:
                tx.event(
                    ctx.phase,
                    "deletion_refused",
                    each.words,
                    resource=resource_ids.name(each.resource_id),
                    details=each.code or None,
                )
                each.is_told = True
    final = troubles.final(ctx.clock.monotonic())
    if final is not None:
        raise _given_up(ctx, final)


@contextmanager
def telling(ctx: Context, resource: str) -> Iterator[None]:
    """An event for what Azure answers if it answers with an error, which is raised all the same."""
    try:
        yield
    except NotDeletedError:
        raise
    except AzureRequestError as error:
        with ctx.commit() as tx:
            tx.event(ctx.phase, "deletion_refused", error.message, resource=resource, details=error.code)
        raise


def refused(ctx: Context, troubles: Troubles, resource_id: str, error: AzureRequestError) -> None:
    """A DELETE was refused. Raises NotDeletedError if no time heals that, `error` if it is not about the resource."""
    if not (undeleted.is_final(error) or undeleted.may_pass(error)):
        with telling(ctx, resource_ids.name(resource_id)):
            raise error
    troubles.refused(resource_id, error, ctx.clock.monotonic())
    record(ctx, troubles)


def too_late(ctx: Context, resource_id: str, minutes: float, troubles: Troubles) -> NotDeletedError:
    """Azure neither deletes it nor says why not."""
    known = troubles.by_id.get(resource_ids.key(resource_id))
    said = f"; Azure said last: {known.words}" if known is not None else ""
    where = f"az resource show --ids {quote(resource_id)}"
    return NotDeletedError(
        f"Azure did not delete {resource_ids.name(resource_id)} within {minutes:.0f} minutes{said}",
        status=202,
        code=known.code if known is not None and known.code else "DeletionNotFinished",
        resource_id=resource_id,
        hint=f"see what Azure says: {_activity(resource_id)}; look at it: {where}; then run: {_again(ctx)}",
    )


def _given_up(ctx: Context, trouble: Trouble) -> NotDeletedError:
    error, blocker = trouble.error, trouble.blocker
    count = f" (asked {trouble.count} times)" if trouble.count > 1 else ""
    held = f"; {resource_ids.name(blocker)} is in the way: {blocker}" if blocker else ""
    return NotDeletedError(
        f"Azure does not delete {resource_ids.name(trouble.resource_id)}{count}: {trouble.words}{held}",
        status=error.status if error is not None else 202,
        code=trouble.code or "DeletionFailed",
        resource_id=trouble.resource_id,
        hint=f"{_remedy(trouble)}; then run: {_again(ctx)}",
    )


def _remedy(trouble: Trouble) -> str:
    group, error = resource_ids.parts(trouble.resource_id).group, trouble.error
    family = error.family if error is not None else ""
    if family == "lock":
        where = (
            f"--resource-group {quote(group)} "
            if f"/resourcegroups/{group}".lower() in trouble.words.lower()
            else ""
        )
        return (
            f"list the locks: az lock list {where}--query '[].id' --output tsv; "
            "remove the one that Azure names: az lock delete --ids LOCK"
        )
    if family in ("policy", "region policy"):
        return "ask the owner of the policy that Azure names for an exemption"
    if error is not None and error.hint and "deny assignment" in trouble.words:
        return error.hint
    if family == "rights" or (error is not None and error.status == 403):
        return f"ask for the right to delete in the resource group {group} (Contributor)"
    if trouble.blocker:
        blocker = quote(trouble.blocker)
        return (
            f"look at what is in the way: az resource show --ids {blocker}; detach or delete it if it may go"
        )
    return f"see what Azure says: {_activity(trouble.resource_id)}"


def _activity(resource_id: str) -> str:
    return f"az monitor activity-log list --resource-id {quote(resource_id)} --offset 2h --output table"


def _again(ctx: Context) -> str:
    ends = "destroy" if DESTROY.is_pending(ctx.state) else "resume"
    return f"{standing.program(ctx)} {ends}"
