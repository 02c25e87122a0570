"""Why there is no token: not logged in, or not let in, or not even reached. These need different commands.

Errors that this program sees itself are told apart by type, Entra's by code. What `az` prints is another program's text
for people: it is read by pattern, and nothing but the words beside the failure depends on it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from azure.core.exceptions import AzureError as CoreError
from azure.core.exceptions import ClientAuthenticationError, ServiceRequestError
from azure.identity import CredentialUnavailableError

from k0rdent_azure.azure.arm_errors import shorten
from k0rdent_azure.azure.clouds import AzureEnvironment
from k0rdent_azure.azure.identity_codes import BY_CODE
from k0rdent_azure.azure.network_failures import (
    SET_CLOCK,
    Trouble,
    named,
    proxy_of,
    trouble,
    without_secrets,
)
from k0rdent_azure.errors import AuthenticationError, AzureError, AzureRequestError, AzureUnreachableError

#: Entra and ARM accept tokens that are this much off (five minutes is their documented tolerance).
TOLERANCE = timedelta(minutes=5)
#: Kinds of failure that say nothing of who somebody is.
UNREACHED = frozenset(
    {"proxy", "name_lookup", "certificate", "tls", "no_network", "refused", "timeout", "reset", "network"}
)
_AADSTS = re.compile(r"AADSTS(\d{4,7})")
_CLI = "AzureCliCredential"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One way to log in that was tried, by azure-identity's name, and how it ended."""

    credential: str
    error: Exception


class FailedLoginError(ClientAuthenticationError):
    """No way to log in gave a token; `attempts` in the order in which they were tried."""

    def __init__(self, attempts: Sequence[Attempt]) -> None:
        super().__init__(message="; ".join(f"{each.credential}: {each.error}" for each in attempts))
        self.attempts = tuple(attempts)


class IdentityUnreachableError(ServiceRequestError):
    """The identity service did not answer: a request for a token is repeated like any other."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error), error=getattr(error, "inner_exception", None) or error)


def token_failed(error: Exception, environment: AzureEnvironment, *, now: datetime) -> AzureError:
    """The error to raise: AuthenticationError, or AzureUnreachableError if nobody was asked who this is."""
    attempt = _telling(error)
    found = _explained(attempt, environment, now)
    message = f"no token for {environment.name}: {found.message}"
    if found.reason in UNREACHED:
        unreached = AzureUnreachableError(message, hint=found.hint)
        unreached.reason = found.reason
        return unreached
    refused = AuthenticationError(message, hint=found.hint)
    refused.reason = found.reason
    return refused


def _telling(error: Exception) -> Attempt:
    """The attempt that matters: the first that was set up and failed, else the last.

    An error of azure-identity's own chain has only texts, a line for each attempt.
    """
    if not isinstance(error, FailedLoginError) or not error.attempts:
        lines = str(error).splitlines()
        told = [line.strip() for line in lines if line.startswith("\t") and "unavailable" not in line]
        return Attempt("", ClientAuthenticationError(message=told[0]) if told else error)
    tried = [each for each in error.attempts if not isinstance(each.error, CredentialUnavailableError)]
    return next(iter(tried), error.attempts[-1])


def _explained(attempt: Attempt, environment: AzureEnvironment, now: datetime) -> Trouble:
    error = attempt.error
    if not isinstance(error, ClientAuthenticationError):
        if isinstance(error, CoreError | OSError) or (
            isinstance(error, ValueError) and proxy_of(environment.authority) is not None
        ):
            return trouble(error, _url(environment.authority))
        return _unknown(attempt, environment)
    return (
        _by_code(attempt, environment, now)
        or _by_text(attempt, environment)
        or _unknown(attempt, environment)
    )


def _url(authority: str) -> str:
    return authority if "://" in authority else f"https://{authority}"


def login_command(environment: AzureEnvironment) -> str:
    """What logs a person in to this cloud."""
    return (
        "az login"
        if environment.name == "AzureCloud"
        else f"az cloud set --name {environment.name} && az login"
    )


def _by_code(attempt: Attempt, environment: AzureEnvironment, now: datetime) -> Trouble | None:
    code = _AADSTS.search(attempt.error.message if isinstance(attempt.error, CoreError) else "")
    if code is None:
        return None
    number, words = int(code[1]), _words(attempt.error)
    off = clock_is_off(getattr(getattr(attempt.error, "response", None), "headers", {}), now)
    family = BY_CODE.get(number)
    if off is not None and (family is None or family.reason in ("clock", "expired", "secret")):
        return Trouble("clock", f"{off} (AADSTS{number})", SET_CLOCK)
    if family is None:
        page = f"https://login.microsoftonline.com/error?code={number}"
        hint = f"see {page}; then log in again: {login_command(environment)}"
        return Trouble("refused_by_entra", words, hint)
    hint = family.hint.format(login=login_command(environment))
    return Trouble(family.reason, f"{family.meaning} (AADSTS{number}): {words}", hint)


def _words(error: Exception) -> str:
    """Entra's own words, without the ids that follow them."""
    text = without_secrets(str(getattr(error, "message", None) or error))
    text = re.split(r"\s*(?:Trace ID|Correlation ID|Interactive authentication|To re-authenticate)", text)[0]
    return shorten(text.removeprefix("ERROR: "))[:300]


#: What `az` says on stderr, and what azure-identity says of it, by reason. The first that fits counts.
_TEXTS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (reason, re.compile(pattern, re.IGNORECASE))
    for reason, pattern in (
        ("az_missing", r"^Azure CLI not found on path"),
        ("az_hangs", r"^Timed out waiting for Azure CLI"),
        ("az_output", r"^Unexpected output from Azure CLI|codec can't decode"),
        ("bundle", r"suitable TLS CA certificate bundle, invalid path"),
        (
            "proxy",
            r"ProxyError|Tunnel connection failed|Cannot connect to proxy|Proxy Authentication Required",
        ),
        (
            "certificate",
            r"CERTIFICATE_VERIFY_FAILED|Certificate verification failed|SSLCertVerification|self.signed certificate",
        ),
        (
            "name_lookup",
            r"NameResolutionError|Failed to resolve|name resolution|Name or service not known|nodename nor servname",
        ),
        ("no_network", r"Network is unreachable|No route to host|Network is down"),
        ("timeout", r"timed out|ConnectTimeout|ReadTimeout"),
        ("refused", r"Connection refused"),
        (
            "reset",
            r"Connection reset|Connection aborted|RemoteDisconnected|closed connection without response",
        ),
        ("clock", r"not yet valid|\(iat\)|lifetime validation failed|clock skew"),
        ("cloud", r"(doesn't|does not) exist in cloud|not registered cloud|cloud '.*' is not"),
        (
            "az_old",
            r"is misspelled or not recognized|not in the 'az account' command group|unrecognized arguments",
        ),
        (
            "az_files",
            r"Permission ?(?:denied|Error).*\.azure\b|\.azure\b.*(?:Permission denied|Read-only file system)",
        ),
        (
            "az_cache",
            r"Persistence\w*Error|Decryption failed|MSAL.{0,40}(?:corrupt|JSONDecode)|JSONDecodeError",
        ),
        ("not_logged_in", r"az login|az account set"),
        (
            "az_broken",
            (
                r"Traceback \(most recent|unexpected error|(ModuleNotFound|Import)Error|^Failed to (execute|invoke)"
                r"|: (?:No such file or directory|not found|cannot execute|Exec format error|bad interpreter)"
            ),
        ),
    )
)


def _by_text(attempt: Attempt, environment: AzureEnvironment) -> Trouble | None:
    error = attempt.error
    text = error.message if isinstance(error, CoreError) else str(error)
    reason = next((reason for reason, pattern in _TEXTS if pattern.search(text)), None)
    if reason is None:
        return None
    # What stands there may hold a token in a form that nobody expects.
    words = "" if reason == "az_output" else _last_line(text)
    return _az_trouble(reason, words, environment)


def _last_line(text: str) -> str:
    lines = [line.strip() for line in without_secrets(text).splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith(("ERROR:", "Caused by"))]
    return shorten((errors or lines or [""])[-1].removeprefix("ERROR: "))[:300]


def _az_trouble(reason: str, words: str, environment: AzureEnvironment) -> Trouble:
    login, proxy = login_command(environment), proxy_of(_url(environment.authority))
    look = "az account get-access-token --output none"
    own = "or set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET"
    through = f" {named(proxy)}" if proxy else ""
    told = f": {words}" if words else ""
    table: dict[str, tuple[str, str]] = {
        "az_missing": (
            f"{_incomplete()}there is no az to ask",
            f"install the Azure CLI, then: {login}; {own}",
        ),
        "az_hangs": ("az did not answer in time", f"see what it waits for: {look}"),
        "az_output": (
            "az prints something beside the token, so it cannot be read",
            f"see what it prints, and stop that: {look}; az config set core.only_show_errors=true",
        ),
        "bundle": (
            f"az cannot read the certificate authorities that REQUESTS_CA_BUNDLE names{told}",
            "correct REQUESTS_CA_BUNDLE, or: unset REQUESTS_CA_BUNDLE",
        ),
        "proxy": (
            f"az cannot get through the proxy{through}{told}",
            "correct HTTPS_PROXY, or, if this network needs no proxy: unset HTTPS_PROXY https_proxy",
        ),
        "certificate": (
            f"az does not trust the certificate that it was shown{told}",
            "a TLS-inspecting proxy needs its authority in REQUESTS_CA_BUNDLE (for az) and SSL_CERT_FILE (for this)",
        ),
        "name_lookup": (
            f"az cannot resolve a name{told}",
            "check the network and its DNS, or set HTTPS_PROXY",
        ),
        "no_network": (f"az has no network{told}", "connect this machine to a network, or set HTTPS_PROXY"),
        "timeout": (
            f"az got no answer{told}",
            "check the network and HTTPS_PROXY, then run the same command again",
        ),
        "refused": (f"az was refused the connection{told}", "check the network, a firewall and HTTPS_PROXY"),
        "reset": (
            f"the connection of az was cut{told}",
            "check the network and HTTPS_PROXY, then run it again",
        ),
        "clock": (f"the times in the login do not fit this machine's clock{told}", SET_CLOCK),
        "cloud": (
            f"az is logged in to another cloud{told}",
            f"{login}; or correct azure.cloud in k0rdent.yaml",
        ),
        "az_old": (f"az is too old, or broken{told}", f"az upgrade, then: {login}"),
        "az_files": (
            f"az may not read or write its own files{told}",
            "see whose they are: ls -ld ~/.azure ~/.azure/*; a `sudo az login` makes them root's",
        ),
        "az_cache": (
            f"az cannot read the login that it keeps{told}",
            f"log in anew: az account clear && {login}",
        ),
        "not_logged_in": ("az is not logged in", f"{login}; {own}"),
        "az_broken": (f"az failed{told}", f"see why: {look}; an installation that is broken: az upgrade"),
    }
    message, hint = table[reason]
    return Trouble("certificate" if reason == "bundle" else reason, message, hint)


def _incomplete() -> str:
    """The variables of a service principal, if only some are there."""
    names = ("AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET")
    missing = [name for name in names if not os.environ.get(name)]
    given = [name for name in names if os.environ.get(name)]
    return f"{', '.join(given)} without {' and '.join(missing)}, and " if given and missing else ""


def _unknown(attempt: Attempt, environment: AzureEnvironment) -> Trouble:
    lead = f"{attempt.credential}: " if attempt.credential and attempt.credential != _CLI else ""
    login = login_command(environment)
    hint = f"run `{login}`, or set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET"
    return Trouble("unknown", f"{lead}{_last_line(str(attempt.error)) or type(attempt.error).__name__}", hint)


def clock_is_off(headers: Mapping[str, str], now: datetime) -> str | None:
    """By how much this machine's clock differs from the `Date` of an answer, in words; None within the tolerance."""
    try:
        theirs = parsedate_to_datetime(headers.get("Date") or "")
    except (ValueError, TypeError):
        return None
    if theirs.tzinfo is None:
        theirs = theirs.replace(tzinfo=UTC)
    off = now - theirs
    if abs(off) <= TOLERANCE:
        return None
    minutes = int(abs(off).total_seconds() // 60)
    amount = f"{minutes} minutes" if minutes < 120 else f"{minutes // 60} hours"
    where = "ahead of" if off > timedelta(0) else "behind"
    return f"this machine's clock is {amount} {where} Azure's"


def refused_token(
    error: AzureRequestError, headers: Mapping[str, str], environment: AzureEnvironment, *, now: datetime
) -> AzureRequestError:
    """ARM's 401, which came after a new token was tried: with what it means, and what to do."""
    login, off = login_command(environment), clock_is_off(headers, now)
    if off is not None:
        error.message, error.hint = (
            f"{off}, so Azure refuses the token ({error.code}): {error.message}",
            SET_CLOCK,
        )
    elif error.code == "InvalidAuthenticationTokenTenant":
        error.message = f"the subscription is not in the tenant of this login: {error.message}"
        error.hint = (
            f"log in to the subscription's tenant: {login} --tenant TENANT; or correct azure.subscription_id"
        )
    elif error.code == "InvalidAuthenticationTokenAudience":
        error.message = f"the login is for another cloud than {environment.name}: {error.message}"
        error.hint = f"{login}; or correct azure.cloud in k0rdent.yaml"
    else:
        error.hint = f"log in again: {login}; if that does not help, check the clock: date -u"
    return error
