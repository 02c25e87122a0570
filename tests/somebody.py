"""Somebody else in the rehearsal cloud: a colleague with another client id.

`Somebody` shares no code with the product; `colleague` is the product's client in somebody's hands.
"""

from __future__ import annotations

import json
import ssl
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from k0rdent_azure.azure.client import ArmClient
from k0rdent_azure.azure.clouds import AzureEnvironment
from k0rdent_azure.azure.credentials import client_secret_credential
from k0rdent_azure.azure.ledger import Ledger
from k0rdent_azure.clock import Clock
from k0rdent_azure.rehearsal import endpoint as endpoints
from k0rdent_azure.rehearsal.endpoint import Endpoint


def colleague(endpoint: Endpoint, clock: Clock) -> ArmClient:
    """Logged in as somebody, with a ledger of its own. The caller closes it."""
    environment = AzureEnvironment(
        name="rehearsal",
        arm_endpoint=endpoint.arm_endpoint,
        audience=endpoint.arm_endpoint,
        authority=endpoint.authority,
    )
    return ArmClient(
        environment=environment,
        credential=client_secret_credential(
            endpoint.authority,
            endpoint.tenant,
            endpoint.somebody_id,
            endpoint.client_secret,
            endpoint.ca_file,
        ),
        ledger=Ledger("colleague"),
        clock=clock,
        ca_file=endpoint.ca_file,
    )


Json = dict[str, object]
API = "2023-09-01"
#: Real seconds for one request.
HUNG = 30


@dataclass(frozen=True)
class Somebody:
    """Requests to ARM that are nobody's deployment. Blocks: with a cloud in the test's own loop, use a thread."""

    endpoint: Endpoint

    @classmethod
    def at(cls, directory: Path) -> Somebody:
        """In the cloud that is served in `directory`, a workspace's `.rehearsal`."""
        found = endpoints.read(directory)
        assert found is not None, f"no cloud is served in {directory}"
        return cls(found)

    def group(self, name: str) -> str:
        return f"/subscriptions/{self.endpoint.subscription_id}/resourceGroups/{name}"

    def call(
        self, method: str, path: str, body: Mapping[str, object] | None = None, *, api: str = API
    ) -> tuple[int, Json]:
        """Status and body of one request; `path` begins with `/subscriptions`."""
        url = f"{self.endpoint.arm_endpoint}{urllib.parse.quote(path)}?api-version={api}"
        content = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self._token()}", "Content-Type": "application/json"}
        return self._send(url, content, method=method, headers=headers)

    def must(
        self, method: str, path: str, body: Mapping[str, object] | None = None, *, api: str = API
    ) -> Json:
        """The body of an answer that is a success."""
        status, found = self.call(method, path, body, api=api)
        assert status < 300, f"{method} {path}: {status} {found}"
        return found

    def tag(self, resource: str, operation: str = "Merge", **tags: str) -> None:
        """Merge, Replace or Delete tags of a resource or a group; `_` in a name stands for `-`."""
        given = {name.replace("_", "-"): value for name, value in tags.items()}
        path = f"{resource}/providers/Microsoft.Resources/tags/default"
        self.must("PATCH", path, {"operation": operation, "properties": {"tags": given}}, api="2021-04-01")

    def _token(self) -> str:
        form = {
            "grant_type": "client_credentials",
            "client_id": self.endpoint.somebody_id,
            "client_secret": self.endpoint.client_secret,
            "scope": f"{self.endpoint.arm_endpoint}/.default",
        }
        url = f"{self.endpoint.authority}/{self.endpoint.tenant}/oauth2/v2.0/token"
        status, found = self._send(url, urllib.parse.urlencode(form).encode(), method="POST", headers={})
        assert status == 200, found
        return str(found["access_token"])

    def _send(
        self, url: str, content: bytes | None, *, method: str, headers: Mapping[str, str]
    ) -> tuple[int, Json]:
        assert url.startswith("https://127.0.0.1:"), url
        request = urllib.request.Request(url, content, dict(headers), method=method)  # noqa: S310  it is loopback
        context = ssl.create_default_context(cafile=self.endpoint.ca_file)
        try:
            with urllib.request.urlopen(request, timeout=HUNG, context=context) as reply:  # noqa: S310
                return reply.status, json.loads(reply.read() or b"{}")
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.loads(error.read() or b"{}")
