"""Values for people and other programs, without what no output may hold unless it is asked for by name."""

from __future__ import annotations

from k0rdent_azure.state.secrets import SECRET_KEYS

#: Stands where a private key would, unless `--reveal` asks for it.
REDACTED = "(secret; --reveal shows it)"


def redacted(value: object) -> object:
    """The same plain data with every private key in it replaced; what is absent (null) stays so."""
    if isinstance(value, dict):
        return {
            key: REDACTED if key in SECRET_KEYS and inner is not None else redacted(inner)
            for key, inner in value.items()
        }
    if isinstance(value, list):
        return [redacted(inner) for inner in value]
    return value


def redacted_at(keys: tuple[str | int, ...], value: object) -> object:
    """What stands at the path `keys`: that itself may be a private key, or stand below one's name."""
    return REDACTED if value is not None and not SECRET_KEYS.isdisjoint(keys) else redacted(value)
