"""From JSON to a dataclass and back, by the dataclass's own type hints.

Reading checks every value. One that is missing, of another type, or not finite is a FormatError that names the place,
such as "rows[3].seconds[2]: not a finite number". Fields that a dataclass does not know are ignored, so a file may hold
more than a reader needs. Fields with a default may be missing.
"""

import math
import types
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from functools import cache
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

T = TypeVar("T")

Json = Any
"""JSON of unknown shape."""


class FormatError(ValueError):
    """A file is not what it should be. The message says where and what, in one line."""


def encode(value: object) -> Json:
    """A dataclass, a collection or a plain value, as JSON. TypeError for anything else."""
    match value:
        case None | bool() | str():
            return value
        case Enum():
            return value.value
        case int() | float():
            return value
        case Mapping():
            return {str(key): encode(item) for key, item in value.items()}
        case list() | tuple():
            return [encode(item) for item in value]
    to_json = getattr(value, "to_json", None)
    if to_json is not None:
        return to_json()
    if is_dataclass(value) and not isinstance(value, type):
        return encode_fields(value)
    raise TypeError(f"JSON has no place for a {type(value).__name__}")


def encode_fields(value: Any) -> dict[str, Json]:
    """The fields of a dataclass as JSON; its own `to_json` may start from them."""
    return {field.name: encode(getattr(value, field.name)) for field in fields(value) if field.repr or field.compare}


def decode(kind: type[T], value: Json, where: str) -> T:
    """A value of this type from JSON.

    Parameters
    ----------
    kind
        A dataclass, a plain type, or a collection of such: tuple[X, ...], Mapping[str, X], X | None, Literal.
    where
        The place of the value, for messages: "results.json: rows[3]".

    Raises
    ------
    FormatError
        The value is not of this type.
    """
    return cast(T, _decode(kind, value, where))


def decode_fields(kind: type[T], value: Json, where: str) -> T:
    """A dataclass from a JSON object with its fields; its own `from_json` may end with this."""
    if not isinstance(value, Mapping):
        raise FormatError(f"{where}: not an object")
    values = {}
    for name, (hint, required) in _fields(cast(Any, kind)).items():
        if name in value:
            values[name] = _decode(hint, value[name], f"{where}.{name}")
        elif required:
            raise FormatError(f"{where} lacks {name!r}")
    return kind(**values)


@cache
def _fields(kind: type) -> dict[str, tuple[Any, bool]]:
    """By field: its type hint, and whether a file must hold it."""
    hints = get_type_hints(kind)
    return {
        field.name: (hints[field.name], field.default is MISSING and field.default_factory is MISSING)
        for field in fields(kind)
        if field.init
    }


def _decode(kind: Any, value: Json, where: str) -> Any:
    origin, arguments = get_origin(kind), get_args(kind)
    if kind is Any or kind is object:
        return _finite(value, where)
    if origin is Literal:
        if value not in arguments:
            raise FormatError(f"{where}: {shown(value)} is none of {', '.join(map(str, arguments))}")
        return value
    if origin in (Union, types.UnionType):
        return _decode_union(arguments, value, where)
    if origin is tuple:
        return _decode_tuple(arguments, value, where)
    if origin is not None and issubclass(origin, Mapping):
        return _decode_mapping(arguments, value, where)
    if hasattr(kind, "from_json"):
        return kind.from_json(value, where)
    if is_dataclass(kind):
        return decode_fields(cast(type, kind), value, where)
    if isinstance(kind, type) and issubclass(kind, Enum):
        try:
            return kind(value)
        except ValueError:
            raise FormatError(f"{where}: {shown(value)} is no {kind.__name__}") from None
    return _decode_plain(kind, value, where)


def _decode_plain(kind: Any, value: Json, where: str) -> Any:
    if kind is float and isinstance(value, int | float) and not isinstance(value, bool):
        if not math.isfinite(value):
            raise FormatError(f"{where}: not a finite number")
        return float(value)
    if kind is types.NoneType and value is None:
        return None
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        names = {float: "a number", int: "a whole number", str: "a text", bool: "true or false", types.NoneType: "null"}
        raise FormatError(f"{where}: {shown(value)} is not {names.get(kind, kind.__name__)}")
    return value


def _decode_union(kinds: tuple[Any, ...], value: Json, where: str) -> Any:
    if value is None and types.NoneType in kinds:
        return None
    problem = None
    for kind in kinds:
        if kind is not types.NoneType:
            try:
                return _decode(kind, value, where)
            except FormatError as error:
                problem = problem or error
    raise problem or FormatError(f"{where}: {shown(value)} does not belong here")


def _decode_tuple(kinds: tuple[Any, ...], value: Json, where: str) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise FormatError(f"{where}: not a list")
    if len(kinds) == 2 and kinds[1] is Ellipsis:
        return tuple(_decode(kinds[0], item, f"{where}[{place}]") for place, item in enumerate(value))
    if len(kinds) != len(value):
        raise FormatError(f"{where}: {len(value)} values instead of {len(kinds)}")
    pairs = zip(kinds, value, strict=True)
    return tuple(_decode(kind, item, f"{where}[{place}]") for place, (kind, item) in enumerate(pairs))


def _decode_mapping(kinds: tuple[Any, ...], value: Json, where: str) -> dict[Any, Any]:
    if not isinstance(value, Mapping):
        raise FormatError(f"{where}: not an object")
    key_kind, item_kind = kinds
    return {_key(key_kind, key, where): _decode(item_kind, item, f"{where}.{key}") for key, item in value.items()}


def _key(kind: Any, key: str, where: str) -> Any:
    """A key from its text: JSON has no other keys, so a number must be parsed."""
    try:
        return key if kind is str else kind(key)
    except ValueError:
        raise FormatError(f"{where}: {shown(key)} is no key of type {kind.__name__}") from None


def _finite(value: Json, where: str) -> Json:
    """The same value. FormatError if a number in it, at any depth, is not finite."""
    match value:
        case float() if not math.isfinite(value):
            raise FormatError(f"{where}: not a finite number")
        case Mapping():
            return {key: _finite(item, f"{where}.{key}") for key, item in value.items()}
        case list() | tuple():
            return [_finite(item, f"{where}[{place}]") for place, item in enumerate(value)]
    return value


def shown(value: Json) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."
