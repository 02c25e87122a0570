"""The values that passed their own rules, for the rules about how several of them fit each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from ipaddress import IPv4Network

from k0rdent_azure.config import regions
from k0rdent_azure.config.model import CloudName
from k0rdent_azure.config.rules import meant_network
from k0rdent_azure.config.values import Keys, Value

Values = Mapping[Keys, Value]


class Good:
    """The values that passed their own rule, so that rules about several need no doubts."""

    def __init__(self, values: Values, given: Values) -> None:
        self._values, self._given = values, given

    def value(self, path: str) -> Value | None:
        return self._values.get(tuple(path.split(".")))

    def text(self, path: str) -> str | None:
        found = self.value(path)
        return found.value if found is not None and isinstance(found.value, str) else None

    def number(self, path: str) -> int | None:
        found = self.value(path)
        return found.value if found is not None and isinstance(found.value, int) else None

    def network(self, path: str) -> IPv4Network | None:
        given = self._given.get(tuple(path.split(".")))
        return meant_network(given.value) if given is not None and isinstance(given.value, str) else None

    def numbers(self, path: str) -> tuple[int, ...]:
        found = self.value(path)
        numbers = found.value if found is not None and isinstance(found.value, tuple) else ()
        return tuple(each for each in numbers if isinstance(each, int))

    def texts(self, path: str) -> tuple[str, ...]:
        found = self.value(path)
        texts = found.value if found is not None and isinstance(found.value, tuple) else ()
        return tuple(str(each) for each in texts)

    def cloud(self) -> CloudName | None:
        name = self.text("azure.cloud")
        return next((cloud for cloud in regions.REGIONS if cloud == name), None)

    def roles(self) -> tuple[str, ...]:
        """Roles that have VMs: nobody minds the size of workers that are not wanted."""
        return ("controller",) if self.number("cluster.workers.count") == 0 else ("controller", "worker")

    def is_given(self, path: str) -> bool:
        """Whether the user said so, rather than a default."""
        found = self._given.get(tuple(path.split(".")))
        return found is not None and found.source.kind != "default"

    def below(self, section: Keys) -> Iterator[tuple[str, Value]]:
        for keys, value in self._values.items():
            if keys[: len(section)] == section:
                yield keys[-1], value

    def at(self, *paths: str) -> tuple[str, Value]:
        """Where to report: the first of `paths` that the user gave, else the first."""
        found = [
            (path, value) for path in paths if (value := self._given.get(tuple(path.split(".")))) is not None
        ]
        return next((item for item in found if item[1].source.kind != "default"), found[0])
