"""Access tokens: given for the client's secret, checked by ARM. JWT-shaped and signed, as clients expect.

Their times are real ones, because identity libraries compare them with the machine's clock.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import time
import uuid
from dataclasses import dataclass, field

from k0rdent_azure.rehearsal.records import Json

LIFETIME = 3600
#: Audiences that ARM takes besides its own address, as the real one does.
PUBLIC_AUDIENCES = ("https://management.azure.com", "https://management.core.windows.net")


class TokenError(Exception):
    """Why a token, or a request for one, is refused. `code` is OAuth's or ARM's."""

    def __init__(self, code: str, description: str) -> None:
        super().__init__(description)
        self.code = code
        self.description = description


@dataclass(frozen=True, slots=True)
class Authority:
    """Who may have a token, and for what. `arm_endpoint` is ARM's own audience."""

    tenant: str
    client_id: str
    client_secret: str = field(repr=False)
    signing_key: bytes = field(repr=False)
    arm_endpoint: str

    @property
    def somebody(self) -> str:
        """The client id of everybody else (a colleague, the user with another tool), with the same secret."""
        return somebody(self.client_id)

    def grant(self, tenant: str, form: dict[str, str]) -> Json:
        """Answer a client-credentials request (RFC 6749, 4.4). Raises TokenError."""
        if tenant.lower() not in (self.tenant.lower(), "common", "organizations"):
            raise TokenError("invalid_request", f"AADSTS90002: Tenant '{tenant}' not found.")
        if form.get("grant_type") != "client_credentials":
            raise TokenError(
                "unsupported_grant_type", "AADSTS70003: The app requested an unsupported grant type."
            )
        if form.get("client_id") not in (self.client_id, self.somebody):
            raise TokenError(
                "unauthorized_client", "AADSTS700016: Application was not found in the directory."
            )
        if not hmac.compare_digest(form.get("client_secret", ""), self.client_secret):
            raise TokenError("invalid_client", "AADSTS7000215: Invalid client secret provided.")
        audience = form.get("resource") or form.get("scope", "").removesuffix("/.default")
        if not self._is_ours(audience):
            raise TokenError(
                "invalid_scope", f"AADSTS500011: The resource principal named {audience} was not found."
            )
        return self.issue(audience, form["client_id"])

    def issue(self, audience: str, client_id: str) -> Json:
        """A token answer for a client and an audience that were checked."""
        now = int(time.time())
        claims = {
            "aud": audience,
            "iss": f"https://sts.windows.net/{self.tenant}/",
            "iat": now,
            "nbf": now,
            "exp": now + LIFETIME,
            "appid": client_id,
            "oid": client_id,
            "tid": self.tenant,
            # What makes each token another one.
            "uti": secrets.token_urlsafe(16),
            "ver": "1.0",
        }
        return {
            "token_type": "Bearer",
            "expires_in": LIFETIME,
            "ext_expires_in": LIFETIME,
            "expires_on": str(now + LIFETIME),
            "resource": audience,
            "access_token": self._sign(claims),
        }

    def check(self, header: str | None) -> str:
        """Check an Authorization header; the client id that it proves. Raises TokenError."""
        if not header:
            raise TokenError(
                "AuthenticationFailed",
                "Authentication failed. The 'Authorization' header is missing.",
            )
        scheme, _, token = header.partition(" ")
        parts = token.split(".")
        if scheme.lower() != "bearer" or len(parts) != 3:
            raise TokenError("InvalidAuthenticationToken", "The access token is invalid.")
        body, signature = f"{parts[0]}.{parts[1]}", parts[2]
        if not hmac.compare_digest(signature, self._signature(body)):
            raise TokenError(
                "InvalidAuthenticationToken", "The access token validation failure: wrong signature."
            )
        claims = json.loads(_unencode(parts[1]))
        if claims["exp"] <= time.time():
            raise TokenError(
                "ExpiredAuthenticationToken", "The access token expiry UTC time is earlier than now."
            )
        if not self._is_ours(claims["aud"]):
            raise TokenError(
                "InvalidAuthenticationTokenAudience",
                f"The access token has been obtained for wrong audience or resource '{claims['aud']}'.",
            )
        return str(claims["appid"])

    def _is_ours(self, audience: str) -> bool:
        return audience.rstrip("/") in (self.arm_endpoint.rstrip("/"), *PUBLIC_AUDIENCES)

    def _sign(self, claims: Json) -> str:
        head = _encode(json.dumps({"typ": "JWT", "alg": "HS256", "kid": "rehearsal"}).encode())
        body = f"{head}.{_encode(json.dumps(claims).encode())}"
        return f"{body}.{self._signature(body)}"

    def _signature(self, body: str) -> str:
        return _encode(hmac.new(self.signing_key, body.encode(), hashlib.sha256).digest())


def somebody(client_id: str) -> str:
    """The other client id of the cloud whose own one is `client_id`."""
    return str(uuid.uuid5(uuid.UUID(client_id), "somebody"))


def _encode(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _unencode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
