"""The small part of the POSIX shell language that deployment tools send to hosts, as a syntax tree.

Lists (`;`, newline), `&&`, `||`, `!`, pipes, `( )` and `{ }` groups, redirections, assignments, quoting,
`$NAME`, `${NAME-word}`, `${NAME:-word}` and `$(…)`. Source: POSIX.1-2017, XCU chapter 2. Anything else
raises `ShellSyntaxError`, so that a command which a real host would understand differently is never
answered wrongly in silence.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


class ShellSyntaxError(ValueError):
    """The text is outside the language that this module reads."""


@dataclass(frozen=True, slots=True)
class Literal:
    text: str
    quoted: bool


@dataclass(frozen=True, slots=True)
class Parameter:
    """`$name`; `fallback` replaces an unset value, with `when_empty` an empty one too."""

    name: str
    quoted: bool
    fallback: Word | None = None
    when_empty: bool = False


@dataclass(frozen=True, slots=True)
class Substitution:
    script: Script
    quoted: bool


Word = tuple[Literal | Parameter | Substitution, ...]


@dataclass(frozen=True, slots=True)
class Redirection:
    """`descriptor` 0 to 2; operator `<`, `>`, `>>` or `>&` (then the target is a descriptor)."""

    descriptor: int
    operator: str
    target: Word


@dataclass(frozen=True, slots=True)
class Simple:
    assignments: tuple[tuple[str, Word], ...]
    words: tuple[Word, ...]
    redirections: tuple[Redirection, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """`( )` is a subshell, which `exit` leaves and whose variables end with it; `{ }` is not."""

    body: Script
    subshell: bool
    redirections: tuple[Redirection, ...]


@dataclass(frozen=True, slots=True)
class Pipeline:
    commands: tuple[Simple | Group, ...]
    negated: bool


@dataclass(frozen=True, slots=True)
class AndOr:
    """Pipelines left to right, each with the operator before it (`;` for the first)."""

    steps: tuple[tuple[str, Pipeline], ...]


Script = tuple[AndOr, ...]

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|[0-9@*?#$]")
_ASSIGNMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=")
_REDIRECTION = re.compile(r"([0-2]?)(>>|>&|<|>)")
_META = frozenset(" \t\n;&|<>()")
_RESERVED = frozenset(
    {"if", "then", "else", "elif", "fi", "for", "while", "until", "do", "done", "case", "esac"}
)


def parse(text: str) -> Script:
    """The whole of `text` as a script. Raises ShellSyntaxError."""
    reader = _Reader(text)
    script = reader.script(closing="")
    if reader.at < len(text):
        raise ShellSyntaxError(f"unexpected {text[reader.at]!r}")
    return script


class _Reader:
    """A recursive-descent reader; `at` is the next character."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def peek(self, length: int = 1) -> str:
        return self.text[self.at : self.at + length]

    def take(self, token: str) -> bool:
        if not self.text.startswith(token, self.at):
            return False
        self.at += len(token)
        return True

    def blanks(self, *, lines: bool = False) -> None:
        while True:
            if self.peek() in {" ", "\t"} or (lines and self.peek() == "\n"):
                self.at += 1
            elif self.peek(2) == "\\\n":
                self.at += 2
            elif self.peek() == "#":
                end = self.text.find("\n", self.at)
                self.at = len(self.text) if end < 0 else end
            else:
                return

    def script(self, *, closing: str) -> Script:
        lists: list[AndOr] = []
        while True:
            self.blanks(lines=True)
            if not self.peek() or (closing and self.peek() == closing):
                return tuple(lists)
            if self.peek() == ")":
                return tuple(lists)
            lists.append(self.and_or())
            self.blanks()
            if self.peek(2) != "&&" and self.peek() == "&":
                raise ShellSyntaxError("background commands are not supported")
            if not (self.take(";") or self.take("\n")) and self.peek() not in {"", closing, ")"}:
                raise ShellSyntaxError(f"unexpected {self.peek()!r}")

    def and_or(self) -> AndOr:
        steps = [(";", self.pipeline())]
        while True:
            self.blanks()
            operator = self.peek(2)
            if operator not in {"&&", "||"}:
                return AndOr(tuple(steps))
            self.at += 2
            self.blanks(lines=True)
            steps.append((operator, self.pipeline()))

    def pipeline(self) -> Pipeline:
        negated = re.match(r"!\s", self.text[self.at : self.at + 2]) is not None
        if negated:
            self.at += 2
            self.blanks()
        commands = [self.command()]
        while True:
            self.blanks()
            if self.peek() != "|" or self.peek(2) == "||":
                return Pipeline(tuple(commands), negated)
            self.at += 1
            self.blanks(lines=True)
            commands.append(self.command())

    def command(self) -> Simple | Group:
        if self.take("("):
            return self.group(")")
        if re.match(r"\{\s", self.peek(2)):
            self.at += 1
            return self.group("}")
        return self.simple()

    def group(self, closing: str) -> Group:
        body = self.script(closing=closing)
        if not self.take(closing):
            raise ShellSyntaxError(f"missing {closing!r}")
        redirections: list[Redirection] = []
        self.blanks()
        while (redirection := self.redirection()) is not None:
            redirections.append(redirection)
            self.blanks()
        return Group(body, closing == ")", tuple(redirections))

    def simple(self) -> Simple:
        assignments: list[tuple[str, Word]] = []
        words: list[Word] = []
        redirections: list[Redirection] = []
        while True:
            self.blanks()
            if (redirection := self.redirection()) is not None:
                redirections.append(redirection)
                continue
            if not self.peek() or self.peek() in _META:
                break
            match = None if words else _ASSIGNMENT.match(self.text, self.at)
            if match:
                self.at = match.end()
                assignments.append((match[1], self.word()))
            else:
                words.append(self.word())
        first = words[0][0] if words and words[0] else None
        if isinstance(first, Literal) and not first.quoted and first.text in _RESERVED:
            raise ShellSyntaxError(f"{first.text!r} is not supported")
        if not (assignments or words or redirections):
            raise ShellSyntaxError("unexpected end" if not self.peek() else f"unexpected {self.peek()!r}")
        return Simple(tuple(assignments), tuple(words), tuple(redirections))

    def redirection(self) -> Redirection | None:
        match = _REDIRECTION.match(self.text, self.at)
        if match is None:
            return None
        if self.text.startswith("<<", match.start(2)):
            raise ShellSyntaxError("here-documents are not supported")
        self.at = match.end()
        self.blanks()
        operator = match[2]
        default = 0 if operator == "<" else 1
        return Redirection(int(match[1]) if match[1] else default, operator, self.word())

    def word(self) -> Word:
        parts: list[Literal | Parameter | Substitution] = []
        while self.peek() and self.peek() not in _META:
            if self.take("'"):
                parts.append(Literal(self.until_quote(), quoted=True))
            elif self.take('"'):
                parts.extend(self.double_quoted())
            elif self.take("\\"):
                parts.append(Literal(self.peek(), quoted=True))
                self.at += 1
            elif self.peek() == "$":
                parts.append(self.dollar(quoted=False))
            elif self.peek() == "`":
                raise ShellSyntaxError("backquotes are not supported")
            else:
                parts.append(Literal(self.plain(_META), quoted=False))
        return tuple(parts)

    def plain(self, stops: frozenset[str]) -> str:
        start = self.at
        while self.peek() and self.peek() not in stops and self.peek() not in "'\"\\$`":
            self.at += 1
        return self.text[start : self.at]

    def until_quote(self) -> str:
        end = self.text.find("'", self.at)
        if end < 0:
            raise ShellSyntaxError("unterminated quoted string")
        text, self.at = self.text[self.at : end], end + 1
        return text

    def double_quoted(self) -> list[Literal | Parameter | Substitution]:
        parts: list[Literal | Parameter | Substitution] = []
        start = ""
        while not self.take('"'):
            if not self.peek():
                raise ShellSyntaxError("unterminated quoted string")
            if self.peek() == "\\" and self.peek(2)[1:] in {'"', "\\", "$", "`", "\n"}:
                start += "" if self.peek(2)[1:] == "\n" else self.peek(2)[1:]
                self.at += 2
            elif self.peek() == "$":
                parts += [Literal(start, quoted=True), self.dollar(quoted=True)]
                start = ""
            elif self.peek() == "`":
                raise ShellSyntaxError("backquotes are not supported")
            else:
                start += self.peek()
                self.at += 1
        return [*parts, Literal(start, quoted=True)]

    def dollar(self, *, quoted: bool) -> Literal | Parameter | Substitution:
        self.at += 1
        if self.take("("):
            script = self.script(closing=")")
            if not self.take(")"):
                raise ShellSyntaxError("missing ')'")
            return Substitution(script, quoted)
        braces = self.take("{")
        match = _NAME.match(self.text, self.at)
        if match is None:
            if braces:
                raise ShellSyntaxError("bad substitution")
            return Literal("$", quoted)
        self.at = match.end()
        if not braces:
            return Parameter(match[0], quoted)
        return self.braced(match[0], quoted=quoted)

    def braced(self, name: str, *, quoted: bool) -> Parameter:
        if self.take("}"):
            return Parameter(name, quoted)
        when_empty = self.take(":")
        if not self.take("-"):
            raise ShellSyntaxError("bad substitution")
        end = self.text.find("}", self.at)
        if end < 0:
            raise ShellSyntaxError("missing '}'")
        inner = _Reader(self.text[self.at : end])
        fallback = inner.word()
        self.at = end + 1
        return Parameter(name, quoted, fallback, when_empty)
