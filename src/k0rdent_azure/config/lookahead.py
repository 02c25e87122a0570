"""How deeply a YAML text nests beyond the last event that its parser delivered before it gave up.

A scanner reads ahead: as long as a `[` may begin a key (1,024 characters on one line, YAML 1.2 section 7.4.2), no event
of it comes out. libyaml since 0.2.6 gives up at its own depth meanwhile, with words of its own, and an older one
does not. So that our limit holds with any of them, what was read ahead is scanned by PyYAML's scanner in Python,
which has no such limit and does not recurse.
"""

from __future__ import annotations

import yaml

#: Characters; whatever a scanner may hold back before it has to deliver.
_READ_AHEAD = 4096


def opened_ahead(text: bytes | str, start: int, error: yaml.YAMLError) -> int:
    """The most flow collections that are open at once between the character `start` and the place of `error`."""
    mark = getattr(error, "problem_mark", None)
    end = start + _READ_AHEAD if mark is None else min(start + _READ_AHEAD, mark.index + 1)
    decoded = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    depth = most = 0
    try:
        for token in yaml.scan(decoded[start:end], Loader=yaml.SafeLoader):
            if isinstance(token, yaml.FlowSequenceStartToken | yaml.FlowMappingStartToken):
                depth += 1
                most = max(most, depth)
            elif isinstance(token, yaml.FlowSequenceEndToken | yaml.FlowMappingEndToken):
                depth -= 1
    except yaml.YAMLError:
        # Cut off in the middle of a value, or what the parser itself complained of.
        return most
    return most
