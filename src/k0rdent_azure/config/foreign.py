"""Values from other programs' variables and files, without what a shell, a CI file or an editor left around them."""

from __future__ import annotations

from collections.abc import MutableMapping

#: Variables of Azure's own tools that this program, azure-identity or `az` reads here.
VARIABLES = (
    "AZURE_SUBSCRIPTION_ID",
    "AZURE_TENANT_ID",
    "AZURE_CLIENT_ID",
    "AZURE_CLIENT_CERTIFICATE_PATH",
    "AZURE_FEDERATED_TOKEN_FILE",
    "AZURE_CONFIG_DIR",
    "AZURE_TOKEN_CREDENTIALS",
    "AZURE_USERNAME",
)
#: In these a quote may be the user's; a line break never is.
SECRETS = ("AZURE_CLIENT_SECRET", "AZURE_CLIENT_CERTIFICATE_PASSWORD")


def unquoted(text: str) -> str:
    """Without space around it, a byte order mark, and one pair of quotes (which `docker --env-file` keeps)."""
    inner = text.strip().removeprefix("\ufeff")
    quoted = len(inner) > 1 and inner[0] == inner[-1] and inner[0] in "\"'"
    return inner[1:-1].strip() if quoted else inner


def clean_variables(environ: MutableMapping[str, str]) -> None:
    """Put right what is read here and by libraries and tools alike; an empty one counts as not set."""
    for name in (*VARIABLES, *SECRETS):
        if name not in environ:
            continue
        value = environ[name].strip("\r\n") if name in SECRETS else unquoted(environ[name])
        if value:
            environ[name] = value
        else:
            del environ[name]
