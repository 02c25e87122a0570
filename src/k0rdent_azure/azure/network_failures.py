"""Why a server did not answer, told apart by the types of the errors: proxy, name lookup, certificate, network."""

from __future__ import annotations

import asyncio
import errno
import os
import re
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit
from urllib.request import getproxies_environment, proxy_bypass

import aiohttp

from k0rdent_azure.azure.arm_errors import shorten

#: Where the system's clock is set: systemd's own way, which also says what it is set to.
SET_CLOCK = "set this machine's clock: timedatectl set-ntp true"
#: https://docs.openssl.org/master/man1/openssl-verification-options (X509_V_ERR_…)
_NOT_YET_VALID, _EXPIRED = 9, 10
_OTHER_NAME = frozenset({62, 63, 64})
_NO_NETWORK = frozenset(
    {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EHOSTDOWN, errno.EADDRNOTAVAIL}
)
_CUT = frozenset({errno.ECONNRESET, errno.EPIPE, errno.ECONNABORTED, errno.ESHUTDOWN})
_SECRETS = (
    (re.compile(r"eyJ[\w-]{8,}(?:\.[\w-]*)*"), "****"),
    (re.compile(r"(\"?(?:accessToken|access_token|client_secret)\"?\s*[:=]\s*)\"?[^\s\",}]+\"?"), r"\1****"),
    (re.compile(r"(\w+://)[^/\s@]+@"), r"\1"),
)


@dataclass(frozen=True, slots=True)
class Trouble:
    """`reason` is one word for scripts, `message` says what happened, `hint` what to do."""

    reason: str
    message: str
    hint: str


def without_secrets(text: str) -> str:
    """Another program's words without tokens, secrets and passwords in URLs."""
    for pattern, instead in _SECRETS:
        text = pattern.sub(instead, text)
    return text


def proxy_of(url: str) -> str | None:
    """The proxy that requests to `url` go through by the environment, with its password; None without one."""
    parts = urlsplit(url)
    if proxy_bypass(parts.hostname or ""):
        return None
    return getproxies_environment().get(parts.scheme)


def named(proxy: str) -> str:
    """A proxy without user and password."""
    return without_secrets(proxy) if "://" in proxy else proxy.rpartition("@")[2]


def is_usable(proxy: str) -> bool:
    """Whether it is the URL of a proxy that this program can use: `http://HOST[:PORT]`."""
    try:
        parts = urlsplit(proxy)
        return parts.scheme == "http" and bool(parts.hostname) and (parts.port or 80) > 0
    except ValueError:
        return False


def is_final(error: BaseException | None) -> bool:
    """Whether asking again changes nothing: a certificate, or a proxy that says no or is no proxy."""
    return any(
        isinstance(each, aiohttp.ClientConnectorCertificateError | aiohttp.ClientHttpProxyError)
        or (isinstance(each, ValueError) and not isinstance(each, ssl.SSLError | UnicodeError))
        for each in _chain(error)
    )


def trouble(error: BaseException, url: str) -> Trouble:
    """What kept a request to `url` from being answered."""
    chain, host = list(_chain(error)), urlsplit(url).hostname or url
    proxy = proxy_of(url)
    found = _proxy_trouble(chain, host, proxy) if proxy is not None else None
    return found or _lookup(chain, host) or _certificate(chain, host) or _connection(chain, host, error)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """The error, and those that it came from."""
    seen: set[int] = set()
    todo = [error]
    while todo:
        each = todo.pop(0)
        if not isinstance(each, BaseException) or id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        inner = (getattr(each, name, None) for name in ("inner_exception", "os_error", "certificate_error"))
        todo += [*inner, each.__cause__, each.__context__]


def _proxy_trouble(chain: list[BaseException], host: str, proxy: str) -> Trouble | None:
    shown = named(proxy)
    if not is_usable(proxy):
        return Trouble(
            "proxy",
            f"HTTPS_PROXY={shown!r} is not the URL of a proxy that can be used",
            "export HTTPS_PROXY=http://HOST:PORT, or, if this network needs no proxy: unset HTTPS_PROXY https_proxy",
        )
    refused = next((each for each in chain if isinstance(each, aiohttp.ClientHttpProxyError)), None)
    if refused is not None and refused.status == 407:
        return Trouble(
            "proxy",
            f"the proxy {shown} asks for a login (HTTP 407)",
            f"export HTTPS_PROXY=http://USER:PASSWORD@{urlsplit(shown).netloc} (write @ in a password as %40)",
        )
    if refused is not None:
        return Trouble(
            "proxy",
            f"the proxy {shown} does not connect to {host} (HTTP {refused.status})",
            f"ask whoever runs it to allow {host}:443; if {host} can be reached without it: "
            f"export NO_PROXY={host}",
        )
    proxy_host = urlsplit(proxy).hostname
    unreached = any(
        isinstance(each, aiohttp.ClientProxyConnectionError)
        or (isinstance(each, aiohttp.ClientConnectorDNSError) and each.host == proxy_host)
        for each in chain
    )
    if unreached:
        return Trouble(
            "proxy",
            f"the proxy {shown} cannot be reached: {_why(chain)}",
            "correct HTTPS_PROXY, or, if this network needs no proxy: unset HTTPS_PROXY https_proxy",
        )
    return None


def _lookup(chain: list[BaseException], host: str) -> Trouble | None:
    failed = next((each for each in chain if isinstance(each, socket.gaierror)), None)
    if failed is None and not any(isinstance(each, aiohttp.ClientConnectorDNSError) for each in chain):
        return None
    why = failed.strerror if failed is not None and failed.strerror else "no address"
    return Trouble(
        "name_lookup",
        f"the name {host} cannot be resolved: {why}",
        f"check the network and its DNS: getent hosts {host}; behind a proxy: export HTTPS_PROXY=http://HOST:PORT",
    )


def _certificate(chain: list[BaseException], host: str) -> Trouble | None:
    # aiohttp's own error is one too, but without the reason.
    rejected = [each for each in chain if isinstance(each, ssl.SSLCertVerificationError)]
    failed = next((each for each in rejected if getattr(each, "verify_code", None) is not None), None)
    if failed is None:
        refused = [each for each in chain if isinstance(each, ssl.SSLError)]
        other = next((each for each in refused if getattr(each, "reason", None)), next(iter(refused), None))
        if other is None:
            return None
        return Trouble(
            "tls",
            f"{host} does not speak TLS as expected: {getattr(other, 'reason', None) or _told(other)}",
            "a proxy or a captive portal may answer in its place; check the network and HTTPS_PROXY",
        )
    why = f"the certificate of {host} is not trusted: {failed.verify_message}"
    if failed.verify_code == _NOT_YET_VALID:
        return Trouble("clock", why, f"{SET_CLOCK}; it seems to be behind")
    if failed.verify_code == _EXPIRED:
        hint = (
            f"check the clock: date -u; if it is wrong, {SET_CLOCK}; else whoever runs {host} has to renew it"
        )
        return Trouble("certificate", why, hint)
    if failed.verify_code in _OTHER_NAME:
        hint = "somebody else answers under that name: a captive portal, a proxy or wrong DNS; use another network"
        return Trouble("certificate", why, hint)
    return Trouble("certificate", why, _authority_hint())


def _authority_hint() -> str:
    own, others = os.environ.get("SSL_CERT_FILE"), os.environ.get("REQUESTS_CA_BUNDLE")
    if own and not os.path.isfile(own):  # noqa: PTH113
        return f"SSL_CERT_FILE={own} is no file: correct it, or unset SSL_CERT_FILE"
    if others and not own and os.path.isfile(others):  # noqa: PTH113
        return "use the authorities that az uses: export SSL_CERT_FILE=$REQUESTS_CA_BUNDLE"
    return "a TLS-inspecting proxy needs its authority in SSL_CERT_FILE; else do not trust this network"


def _connection(chain: list[BaseException], host: str, error: BaseException) -> Trouble:
    numbers = {each.errno for each in chain if isinstance(each, OSError)}
    if numbers & _NO_NETWORK:
        hint = "connect this machine to a network, or, behind a proxy: export HTTPS_PROXY=http://HOST:PORT"
        return Trouble("no_network", f"there is no network to {host}: {_why(chain)}", hint)
    again = "check the network and HTTPS_PROXY, then run the same command again"
    if errno.ECONNREFUSED in numbers:
        hint = "a firewall may be in between: allow outgoing HTTPS, or set HTTPS_PROXY; then run the same command again"
        return Trouble("refused", f"{host} refuses the connection: {_why(chain)}", hint)
    timed_out = errno.ETIMEDOUT in numbers or any(
        isinstance(each, TimeoutError | asyncio.TimeoutError) for each in chain
    )
    if timed_out:
        return Trouble("timeout", f"{host} did not answer in time: {_told(error)}", again)
    if numbers & _CUT or any(
        isinstance(each, aiohttp.ServerDisconnectedError | ConnectionError | EOFError) for each in chain
    ):
        return Trouble("reset", f"the connection to {host} was cut: {_told(error)}", again)
    return Trouble("network", _told(error), again)


def _why(chain: list[BaseException]) -> str:
    """The system's own words: those of the innermost error that has some."""
    told = [each.strerror for each in chain if isinstance(each, OSError) and each.strerror]
    numbers = [each.errno or 0 for each in chain if isinstance(each, OSError)]
    numbered = [os.strerror(number) for number in numbers if number > 0]
    return shorten(without_secrets((numbered or told or ["no connection"])[-1]))


def _told(error: BaseException) -> str:
    return shorten(without_secrets(str(error))) or type(error).__name__
