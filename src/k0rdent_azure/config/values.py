"""A value with the place where it was given, so that a fault can name the line, the variable or the flag."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from k0rdent_azure.errors import Fault

#: A setting's path in parts; below `azure.tags` and `kof` the rest are the user's own keys.
Keys = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Source:
    """Where a value came from: `where` is `k0rdent.yaml:12`, a variable's name or `--set path`."""

    kind: Literal["default", "file", "variable", "flag", "snapshot"]
    where: str | None = None


@dataclass(frozen=True, slots=True)
class Value:
    value: object
    source: Source
    file: str | None = None
    line: int | None = None

    def fault(
        self,
        path: str,
        message: str,
        *,
        expected: str | None = None,
        found: str | None = None,
        severity: Literal["error", "warning"] = "error",
    ) -> Fault:
        """A fault at the place where this value was given."""
        origin = None if self.file else self.source.where or self.source.kind
        return Fault(
            path=path,
            message=message,
            file=self.file,
            line=self.line,
            origin=origin,
            expected=expected,
            found=found,
            severity=severity,
        )

    def with_value(self, value: object) -> Value:
        return Value(value, self.source, self.file, self.line)

    def on_line(self, line: int | None) -> Value:
        """The same place on another line; only files have lines."""
        if self.file is None or line is None:
            return self
        return Value(self.value, Source(self.source.kind, f"{self.file}:{line}"), self.file, line)
