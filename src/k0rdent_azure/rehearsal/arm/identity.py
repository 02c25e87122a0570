"""What login.microsoftonline.com and a VM's identity endpoint answer, as far as tokens for ARM need it.

Sources: https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow and
https://learn.microsoft.com/azure/app-service/overview-managed-identity (`IDENTITY_ENDPOINT`).
"""

from __future__ import annotations

import hmac

from aiohttp import web

from k0rdent_azure.rehearsal.arm.tokens import Authority, TokenError
from k0rdent_azure.rehearsal.records import Json


def add_routes(application: web.Application, authority: Authority) -> None:
    """Discovery, tokens and the metadata of this cloud. None of it needs a token."""
    handlers = _Handlers(authority)
    for path in (
        "/{tenant}/v2.0/.well-known/openid-configuration",
        "/{tenant}/.well-known/openid-configuration",
    ):
        application.router.add_get(path, handlers.configuration)
    for path in ("/{tenant}/oauth2/v2.0/token", "/{tenant}/oauth2/token"):
        application.router.add_post(path, handlers.token)
    application.router.add_get("/common/discovery/instance", handlers.instance)
    application.router.add_get("/{tenant}/discovery/v2.0/keys", handlers.keys)
    application.router.add_get("/identity/token", handlers.managed_identity)
    application.router.add_get("/metadata/endpoints", handlers.endpoints)


class _Handlers:
    def __init__(self, authority: Authority) -> None:
        self._authority = authority
        self._base = authority.arm_endpoint

    async def configuration(self, request: web.Request) -> web.Response:
        tenant = request.match_info["tenant"]
        own = f"{self._base}/{tenant}"
        return web.json_response(
            {
                "token_endpoint": f"{own}/oauth2/v2.0/token",
                "authorization_endpoint": f"{own}/oauth2/v2.0/authorize",
                "device_authorization_endpoint": f"{own}/oauth2/v2.0/devicecode",
                "jwks_uri": f"{own}/discovery/v2.0/keys",
                "issuer": f"{own}/v2.0",
                "token_endpoint_auth_methods_supported": ["client_secret_post"],
                "response_types_supported": ["code", "token"],
                "subject_types_supported": ["pairwise"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "scopes_supported": ["openid", "profile", "email", "offline_access"],
                "tenant_region_scope": "NA",
                "cloud_instance_name": "rehearsal",
            }
        )

    async def instance(self, _request: web.Request) -> web.Response:
        discovery = f"{self._base}/{self._authority.tenant}/v2.0/.well-known/openid-configuration"
        return web.json_response(
            {"tenant_discovery_endpoint": discovery, "api-version": "1.1", "metadata": []}
        )

    async def keys(self, _request: web.Request) -> web.Response:
        return web.json_response({"keys": []})

    async def token(self, request: web.Request) -> web.Response:
        form = {key: str(value) for key, value in (await request.post()).items()}
        try:
            return _token(self._authority.grant(request.match_info["tenant"], form))
        except TokenError as error:
            status = 401 if error.code == "invalid_client" else 400
            return web.json_response(
                {"error": error.code, "error_description": error.description}, status=status
            )

    async def managed_identity(self, request: web.Request) -> web.Response:
        """For `az login --identity`, with the client's secret as the header that proves who asks."""
        given = request.headers.get("X-IDENTITY-HEADER", "")
        if not hmac.compare_digest(given, self._authority.client_secret):
            return web.json_response({"statusCode": 401, "message": "wrong X-IDENTITY-HEADER"}, status=401)
        return _token(
            self._authority.issue(request.query.get("resource", self._base), self._authority.somebody)
        )

    async def endpoints(self, _request: web.Request) -> web.Response:
        """What `az cloud register --endpoint-resource-manager` reads."""
        found: Json = {
            "name": "rehearsal",
            "portal": self._base,
            "authentication": {
                "loginEndpoint": self._base,
                "audiences": [self._base],
                "tenant": self._authority.tenant,
                "identityProvider": "AAD",
            },
            "resourceManager": self._base,
            "graph": self._base,
            "graphAudience": self._base,
            "microsoftGraphResourceId": self._base,
            "activeDirectoryDataLake": self._base,
            "batch": self._base,
            "media": self._base,
            "sqlManagement": self._base,
            "vmImageAliasDoc": self._base,
            "gallery": self._base,
            "suffixes": {"storage": "core.windows.net", "keyVaultDns": "vault.azure.net"},
        }
        return web.json_response(found)


def _token(content: Json) -> web.Response:
    return web.json_response(content, headers={"Cache-Control": "no-store", "Pragma": "no-cache"})
