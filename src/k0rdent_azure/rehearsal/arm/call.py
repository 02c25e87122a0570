"""One ARM request as its handler sees it, and the answer that it gives. Nothing here knows of HTTP servers."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import urlencode

from k0rdent_azure.rehearsal import ids
from k0rdent_azure.rehearsal.arm.arm_errors import ArmError, group_not_found
from k0rdent_azure.rehearsal.faults import Faults
from k0rdent_azure.rehearsal.records import Group, Json
from k0rdent_azure.rehearsal.world import World

#: Entries of one page of a list; of deployment operations there are fewer.
PAGE = 200
OPERATIONS_PAGE = 50


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer; a body of None is an empty one."""

    status: int
    body: Json | list[Json] | None = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Call:
    """`part` are the named parts of the path, `query` has lower-case names, `base` is the server's URL, `actor` who
    sent it, and `command` what that was asked for."""

    world: World
    faults: Faults
    method: str
    path: str
    part: dict[str, str]
    query: dict[str, str]
    body: Json
    base: str
    correlation_id: str
    actor: str
    command: str = ""

    @property
    def now(self) -> float:
        return self.world.clock.now()

    @property
    def subscription(self) -> str:
        return self.world.subscription_id

    @property
    def scope(self) -> str:
        """The subscription's or the group's id, as the path names it."""
        group = self.part.get("group", "")
        return (
            ids.group_scope(self.subscription, group) if group else ids.subscription_scope(self.subscription)
        )

    @property
    def type(self) -> str:
        """The type of the resource or child that the path names."""
        parts = (self.part["namespace"], self.part["type"], self.part.get("child", ""))
        return "/".join(part for part in parts if part)

    @property
    def name(self) -> str:
        return "/".join(part for part in (self.part["name"], self.part.get("childname", "")) if part)

    @property
    def id(self) -> str:
        return ids.resource_id(self.scope, self.type, self.name)

    def group(self) -> Group:
        """The group of the path. Raises ArmError (ResourceGroupNotFound)."""
        found = self.world.group(self.part["group"])
        if found is None:
            raise group_not_found(self.part["group"])
        return found

    def url(self, path: str, **query: str) -> str:
        return f"{self.base}{path}?{urlencode({'api-version': self.query.get('api-version', ''), **query})}"

    def page(self, found: Sequence[Json], size: int = PAGE) -> Answer:
        """One page of a list; `nextLink` leads to the next."""
        start = int(self.query.get("$skiptoken", "0"))
        body: Json = {"value": list(found[start : start + size])}
        if start + size < len(found):
            kept = {
                key: value for key, value in self.query.items() if key not in ("api-version", "$skiptoken")
            }
            body["nextLink"] = self.url(self.path, **kept, **{"$skiptoken": str(start + size)})
        return Answer(200, body)

    def accepted(
        self,
        moment: float,
        *,
        retry_after: int = 15,
        body: Json | None = None,
        failure: ArmError | None = None,
    ) -> Answer:
        """202 with a `Location` that answers 202 until the cloud's `moment`, and then 200, or the `failure`.

        What has to be known is in the URL, so it needs no memory and survives a restart.
        """
        return Answer(
            202,
            body,
            {
                "Location": self.url(self._poll("operationresults", moment, failure)),
                "Retry-After": str(retry_after),
            },
        )

    def async_operation(
        self, status: int, moment: float, body: Json | None, failure: ArmError | None = None
    ) -> Answer:
        """An answer with an `Azure-AsyncOperation` that is InProgress until the cloud's `moment`."""
        return Answer(
            status,
            body,
            {"Azure-AsyncOperation": self.url(self._poll("operations", moment, failure)), "Retry-After": "5"},
        )

    def _poll(self, kind: str, moment: float, failure: ArmError | None) -> str:
        known: Json = {"from": self.now, "to": moment}
        if failure is not None:
            known.update(status=failure.status, error=failure.error())
        token = base64.urlsafe_b64encode(json.dumps(known).encode()).decode().rstrip("=")
        return f"/subscriptions/{self.subscription}/{kind}/{token}"


@dataclass(frozen=True, slots=True)
class Poll:
    """What an operation's URL knows: its moments, and the error that it ends with."""

    start: float
    end: float
    status: int = 200
    error: Json | None = None


def poll(token: str) -> Poll:
    """The reverse of what `accepted` puts in its URL. Raises ArmError for anything else."""
    try:
        found = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        return Poll(float(found["from"]), float(found["to"]), found.get("status", 200), found.get("error"))
    except (ValueError, KeyError, TypeError) as error:
        raise ArmError(404, "OperationNotFound", "The operation was not found.") from error
