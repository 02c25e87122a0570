"""A template before anything runs: its parameters bound to values, its variables, its resources expanded.

Source: https://learn.microsoft.com/azure/azure-resource-manager/templates/syntax
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from k0rdent_azure.rehearsal.arm.arm_errors import ArmError, invalid_template
from k0rdent_azure.rehearsal.arm.expressions import Resolve, evaluate
from k0rdent_azure.rehearsal.records import Json

#: JSON types of the template's parameter types.
_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "securestring": (str,),
    "object": (dict,),
    "secureobject": (dict,),
    "array": (list,),
    "int": (int,),
    "bool": (bool,),
}
#: ARM's limit for one template, and for one copy loop.
MAXIMUM_RESOURCES = 800


class Copy(msgspec.Struct, frozen=True):
    """One turn of a copy loop: its name in lower case, and the index from 0."""

    name: str
    index: int


class Bound(msgspec.Struct, frozen=True):
    """Parameter values by the template's own spelling, and what of them may be shown."""

    values: Json
    visible: Json


def is_secure(type_: object) -> bool:
    return str(type_).lower().startswith("secure")


def bind(declared: object, given: object, resolve: Resolve) -> Bound:
    """Give each declared parameter its value. Raises ArmError (InvalidTemplate) for a missing, unknown,
    or wrongly typed one."""
    declarations = declared if isinstance(declared, dict) else {}
    arguments = given if isinstance(given, dict) else {}
    known = {name.lower(): name for name in declarations}
    unknown = [name for name in arguments if name.lower() not in known]
    if unknown:
        raise invalid_template(
            f"The template parameters '{', '.join(unknown)}' in the parameters file are not valid; they are not "
            "present in the original template and can therefore not be provided at deployment time. The only "
            f"supported parameters for this template are '{', '.join(declarations)}'"
        )
    values: Json = {}
    visible: Json = {}
    for name, declaration in declarations.items():
        value = _value(name, declaration, arguments, resolve)
        values[name] = value
        type_ = declaration.get("type", "")
        visible[name] = (
            {"type": spelling(type_)} if is_secure(type_) else {"type": spelling(type_), "value": value}
        )
    return Bound(values, visible)


def _value(name: str, declaration: Json, arguments: Json, resolve: Resolve) -> object:
    given = next((each for key, each in arguments.items() if key.lower() == name.lower()), None)
    type_ = str(declaration.get("type", "")).lower()
    if type_ not in _TYPES:
        raise invalid_template(f"The template parameter '{name}' has no valid type")
    if isinstance(given, dict) and "value" in given:
        value = given["value"]
    elif "defaultValue" in declaration:
        value = evaluate(declaration["defaultValue"], resolve)
    else:
        raise invalid_template(f"The value for the template parameter '{name}' is not provided")
    if not isinstance(value, _TYPES[type_]) or (type_ == "int" and isinstance(value, bool)):
        raise invalid_template(
            f"Template parameter JToken type is not valid. Expected '{spelling(type_)}'. Actual "
            f"'{type(value).__name__}' for the parameter '{name}'"
        )
    allowed = declaration.get("allowedValues")
    if isinstance(allowed, list) and value not in allowed:
        raise invalid_template(
            f"The provided value for the template parameter '{name}' is not one of the allowed values"
        )
    return value


def spelling(type_: object) -> str:
    """As ARM shows a type: `SecureString`, `Object`."""
    lower = str(type_).lower()
    return f"Secure{lower.removeprefix('secure').capitalize()}" if is_secure(lower) else lower.capitalize()


def turns(copy: object, resolve: Resolve) -> list[Copy]:
    """The turns of one `copy` element. Raises ArmError (InvalidTemplate)."""
    if not isinstance(copy, dict) or "name" not in copy or "count" not in copy:
        raise invalid_template("A copy element needs a name and a count")
    count = evaluate(copy["count"], resolve)
    if isinstance(count, bool) or not isinstance(count, int) or not 0 <= count <= MAXIMUM_RESOURCES:
        raise invalid_template(
            f"The count of the copy loop '{copy['name']}' is not between 0 and {MAXIMUM_RESOURCES}"
        )
    return [Copy(str(copy["name"]).lower(), index) for index in range(count)]


def evaluate_copies(value: object, loops: list[Copy], resolver: Callable[[list[Copy]], Resolve]) -> object:
    """`evaluate`, where objects may hold `copy: [{name, count, input}]` loops, nested at any depth.

    `resolver` makes the resolving function for the loops that are being turned at that place.
    """
    if isinstance(value, list):
        return [evaluate_copies(each, loops, resolver) for each in value]
    if not isinstance(value, dict):
        return evaluate(value, resolver(loops))
    found: Json = {}
    for key, each in value.items():
        if key == "copy" and isinstance(each, list):
            for copy in each:
                found[str(copy.get("name"))] = [
                    evaluate_copies(copy.get("input"), [*loops, turn], resolver)
                    for turn in turns(copy, resolver(loops))
                ]
        else:
            found[str(evaluate(key, resolver(loops)))] = evaluate_copies(each, loops, resolver)
    return found


def copy_index(arguments: list[object], loops: list[Copy]) -> int:
    """`copyIndex()`, `copyIndex(offset)`, `copyIndex('loop')`, `copyIndex('loop', offset)`."""
    wanted = str(arguments[0]).lower() if arguments and isinstance(arguments[0], str) else None
    offset = next((each for each in arguments if isinstance(each, int)), 0)
    found = [loop for loop in loops if wanted is None or loop.name == wanted]
    if not found:
        raise invalid_template("The template function 'copyIndex' is not expected at this location")
    return found[-1].index + offset


def require_mapping(value: object, what: str) -> Json:
    if not isinstance(value, dict):
        raise ArmError(
            400, "InvalidRequestContent", f"The request content was invalid: {what} has to be an object."
        )
    return value
