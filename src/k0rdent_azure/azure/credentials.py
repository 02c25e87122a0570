"""Where tokens come from: azure-identity's own credentials, and nothing that opens a browser."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast

from azure.core.credentials import AccessToken
from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import AzureError as CoreError
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import CredentialUnavailableError
from azure.identity.aio import ClientSecretCredential, DefaultAzureCredential

from k0rdent_azure.azure import managed_identity
from k0rdent_azure.azure.clouds import AzureEnvironment
from k0rdent_azure.azure.token_failures import Attempt, FailedLoginError, IdentityUnreachableError
from k0rdent_azure.azure.transport import CloudTransport
from k0rdent_azure.clock import Clock, SystemClock
from k0rdent_azure.errors import AuthenticationError

#: `az` starts a Python of its own; on a small or busy machine that takes longer than the default 10 s.
CLI_TIMEOUT = 60


class RenewableCredential:
    """A credential that can be made anew, without the tokens that the one before keeps until they should end.

    A server may refuse such a token earlier: it was revoked, or this machine's clock is slow.
    """

    def __init__(self, make: Callable[[], AsyncTokenCredential]) -> None:
        self._make = make
        self._made = [make()]

    async def get_token(
        self, *scopes: str, claims: str | None = None, tenant_id: str | None = None, **_others: object
    ) -> AccessToken:
        """As azure-core asks for it. Raises ClientAuthenticationError and IdentityUnreachableError."""
        try:
            return await self._made[-1].get_token(*scopes, claims=claims, tenant_id=tenant_id)
        except ClientAuthenticationError:
            raise
        except CoreError as error:
            raise IdentityUnreachableError(error) from error

    def renew(self) -> None:
        """From now on, tokens come from a new one; the one before may still be at work, and is closed with it."""
        self._made.append(self._make())

    async def close(self) -> None:
        for each in self._made:
            await each.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        trace: TracebackType | None = None,
    ) -> None:
        await self.close()


class Login(DefaultAzureCredential):
    """azure-identity's chain, that keeps how each way to log in ended: its own error has only their texts."""

    _answered: AsyncTokenCredential | None = None

    async def get_token(
        self, *scopes: str, claims: str | None = None, tenant_id: str | None = None, **others: Any
    ) -> AccessToken:
        """The first token; from then on of the credential that gave it.

        Raises FailedLoginError, or what the identity service's silence raised.
        """
        ways = [self._answered] if self._answered is not None else self.credentials
        attempts: list[Attempt] = []
        for each in ways:
            try:
                token = await cast(AsyncTokenCredential, each).get_token(
                    *scopes, claims=claims, tenant_id=tenant_id, **others
                )
            except CredentialUnavailableError as error:
                attempts.append(Attempt(type(each).__name__, error))
            except ClientAuthenticationError as error:
                raise FailedLoginError([*attempts, Attempt(type(each).__name__, error)]) from error
            except CoreError:
                raise
            except Exception as error:
                raise FailedLoginError([*attempts, Attempt(type(each).__name__, error)]) from error
            else:
                self._answered = cast(AsyncTokenCredential, each)
                return token
        raise FailedLoginError(attempts)


def default_credential(environment: AzureEnvironment, *, clock: Clock | None = None) -> AsyncTokenCredential:
    """Environment variables, workload identity, managed identity if asked for, `az login`: the first with a token.

    The order is azure-identity's own, which users know; `AZURE_TOKEN_CREDENTIALS` narrows it as documented
    there. Left out are the sources that only an editor or another tool fills. Raises AuthenticationError if that
    variable leaves none, or the others cannot be used.
    """
    try:
        return Login(
            authority=environment.authority,
            # Else it probes the metadata address on every machine.
            exclude_managed_identity_credential=not managed_identity.asked_for(os.environ),
            exclude_shared_token_cache_credential=True,
            exclude_visual_studio_code_credential=True,
            exclude_powershell_credential=True,
            exclude_developer_cli_credential=True,
            process_timeout=CLI_TIMEOUT,
            transport=CloudTransport(
                clock=clock or SystemClock(), endpoint=environment.authority, ca_file=None
            ),
        )
    except (ValueError, OSError) as error:
        raise _unusable(error) from error


def _unusable(error: Exception) -> AuthenticationError:
    """Variables that azure-identity does not take."""
    chosen = os.environ.get("AZURE_TOKEN_CREDENTIALS", "")
    if chosen and not isinstance(error, OSError):
        return AuthenticationError(
            f"AZURE_TOKEN_CREDENTIALS={chosen!r} leaves no way to log in: {error}",
            hint="unset AZURE_TOKEN_CREDENTIALS, or: export AZURE_TOKEN_CREDENTIALS=AzureCliCredential",
        )
    failed = AuthenticationError(
        f"the login in the AZURE_ variables cannot be used: {error}",
        hint="correct AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_CLIENT_SECRET and AZURE_CLIENT_CERTIFICATE_PATH, or "
        "unset them and: az login",
    )
    failed.reason = "variables"
    return failed


def client_secret_credential(
    authority: str,
    tenant: str,
    client_id: str,
    secret: str,
    ca_file: Path | None,
) -> AsyncTokenCredential:
    """A service principal at `authority`, whose certificate `ca_file` vouches for (None: the system's)."""
    return ClientSecretCredential(
        tenant,
        client_id,
        secret,
        authority=authority,
        connection_verify=str(ca_file) if ca_file is not None else True,
        use_env_settings=ca_file is None,
    )
