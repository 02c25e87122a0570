"""Certificates, kubeconfigs and join tokens of a simulated cluster, in the formats of the real ones.

A k0s join token is a kubeconfig, gzipped and in base64, whose only user is `controller-bootstrap` or
`kubelet-bootstrap` with a Kubernetes bootstrap token `ID.SECRET`. Source: k0s `pkg/token/joinclient.go`.
"""

from __future__ import annotations

import base64
import gzip
import secrets
import string
from datetime import UTC, datetime, timedelta

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

_LIFE = timedelta(days=365)
_LETTERS = string.ascii_lowercase + string.digits


def _pem(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def _name(common: str, organization: str | None = None) -> x509.Name:
    parts = [x509.NameAttribute(NameOID.COMMON_NAME, common)]
    if organization is not None:
        parts.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization))
    return x509.Name(parts)


def certificates() -> tuple[str, str, str]:
    """(CA certificate, admin certificate, admin key), PEM. The CA's key is used once and forgotten."""
    now = datetime.now(UTC)
    authority, admin = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    template = (
        x509.CertificateBuilder()
        .issuer_name(_name("kubernetes-ca"))
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + _LIFE)
    )
    root = (
        template.subject_name(_name("kubernetes-ca"))
        .public_key(authority.public_key())
        .serial_number(x509.random_serial_number())
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(authority, hashes.SHA256())
    )
    leaf = (
        template.subject_name(_name("kubernetes-admin", "system:masters"))
        .public_key(admin.public_key())
        .serial_number(x509.random_serial_number())
        .sign(authority, hashes.SHA256())
    )
    return root.public_bytes(Encoding.PEM).decode(), leaf.public_bytes(Encoding.PEM).decode(), _pem(admin)


def _kubeconfig(server: str, ca: str, name: str, user: dict[str, str], *, cluster: str, context: str) -> str:
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {
                "name": cluster,
                "cluster": {"server": server, "certificate-authority-data": _encode(ca)},
            }
        ],
        "contexts": [{"name": context, "context": {"cluster": cluster, "user": name}}],
        "current-context": context,
        "users": [{"name": name, "user": user}],
    }
    return yaml.safe_dump(document, sort_keys=False)


def _encode(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def admin_kubeconfig(server: str, ca: str, certificate: str, key: str) -> str:
    """`k0s kubeconfig admin`."""
    user = {"client-certificate-data": _encode(certificate), "client-key-data": _encode(key)}
    return _kubeconfig(server, ca, "user", user, cluster="local", context="Default")


def new_token() -> tuple[str, str]:
    """A bootstrap token's id (6 characters) and secret (16)."""
    return (
        "".join(secrets.choice(_LETTERS) for _ in range(6)),
        "".join(secrets.choice(_LETTERS) for _ in range(16)),
    )


def join_token(address: str, ca: str, role: str, identifier: str, secret: str) -> str:
    """What `k0s token create --role ROLE` prints."""
    controller = role == "controller"
    server = f"https://{address}:{9443 if controller else 6443}"
    name = "controller-bootstrap" if controller else "kubelet-bootstrap"
    text = _kubeconfig(server, ca, name, {"token": f"{identifier}.{secret}"}, cluster="k0s", context="k0s")
    return base64.b64encode(gzip.compress(text.encode())).decode()


def read_join_token(text: str) -> tuple[str, str] | None:
    """(id, secret) of a join token; None for anything else."""
    try:
        kubeconfig = gzip.decompress(base64.b64decode(text.strip(), validate=True)).decode()
    except (ValueError, OSError, EOFError):
        return None
    return read_kubeconfig_token(kubeconfig)


def read_kubeconfig_token(text: str) -> tuple[str, str] | None:
    """(id, secret) of the first user's bootstrap token in a kubeconfig."""
    try:
        token = yaml.safe_load(text)["users"][0]["user"]["token"]
    except (yaml.YAMLError, KeyError, IndexError, TypeError):
        return None
    identifier, dot, secret = str(token).partition(".")
    return (identifier, secret) if dot else None
