"""Dataclasses as JSON and back: each field is checked against its annotation.

The files of a run and the messages between processes are made of them. What comes in may have
been written by anyone, so that a value counts only if it is of its field's type and within its
bounds: numbers are finite unless their annotation says otherwise, no field is missing unless it
has a default, and none is left over. Floats survive the way bit for bit.

Annotations may be str, bool, int, float, an Enum, Literal, dataclasses (generic ones too), tuples,
dict[str, ...], `... | None`, unions of a dataclass and others that add fields to it, and Annotated
numbers with a `Within`.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import types
import typing
from collections.abc import Callable, Hashable, Mapping, Sequence
from enum import Enum
from typing import Annotated, Any, Literal, TypeVar

from suite.errors import ConvGaugeError
from suite.ranges import Misfit, Within, all_fit_as, number, rows_fit_as, shown

Record = TypeVar("Record")
Decode = Callable[[Any], Any]


def to_json(record: object) -> str:
    """Return dataclasses, and what else JSON knows, as one line of JSON."""
    return _ENCODER.encode(record)


def from_json(kind: type[Record], text: str) -> Record:
    """Return the record of this type that a line of JSON holds.

    Raises:
        ValueError: it is no JSON; a `Misfit` where it is, but not such a record.
    """
    return from_plain(kind, parse(text))


def parse(text: str) -> Any:
    """Return what JSON says, in plain types.

    Raises:
        ValueError: it is no JSON, or nests deeper than anything of ours.
    """
    try:
        return _DECODER.decode(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def from_plain(kind: type[Record], plain: object) -> Record:
    """Return the record that was JSON; `plain` is made of dicts, lists and scalars.

    Raises:
        Misfit: it is not such a record.
    """
    record: Record = decoder(typing.cast(Hashable, kind))(plain)
    return record


def checked(record: Record) -> Record:
    """Return a flat record whose values came from somebody else's code, if they fit their types.

    Raises:
        Misfit: the first that does not.
    """
    return from_plain(type(record), _fields(record))


@functools.cache
def decoder(kind: Hashable) -> Decode:
    """Return the function that makes a value of a type from plain JSON, or raises a `Misfit`."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    makers: dict[object, Callable[[], Decode]] = {
        Annotated: lambda: number(arguments[0], arguments[1]),
        typing.Union: lambda: _optional(arguments),
        types.UnionType: lambda: _optional(arguments),
        Literal: lambda: _one_of({word: word for word in arguments}),
        tuple: lambda: _row(arguments) if arguments[-1] is not ... else _sequence(arguments[0]),
        dict: lambda: _mapping(arguments[1]),
        int: lambda: number(int, Within()),
        float: lambda: number(float, Within()),
        str: lambda: _text,
        bool: lambda: _flag,
    }
    if dataclasses.is_dataclass(origin or kind):
        return _dataclass(origin or kind, arguments)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return _one_of({member.value: member for member in kind})
    if (origin or kind) not in makers:
        raise TypeError(f"{kind}: no annotation that a record may have")
    return makers[origin or kind]()


def _dataclass(kind: Any, arguments: tuple[Any, ...]) -> Decode:
    filled = dict(zip(getattr(kind, "__parameters__", ()), arguments, strict=True))
    hints = typing.get_type_hints(kind, include_extras=True)
    fields = dataclasses.fields(kind)
    decoders = {field.name: decoder(_filled(hints[field.name], filled)) for field in fields}
    names = decoders.keys()
    required = {field.name for field in fields if not _has_default(field)}

    def decode(plain: Any) -> Any:
        if type(plain) is not dict:
            raise Misfit(f"found {shown(plain)}, expected a {kind.__name__}")
        if not plain.keys() <= names or not required <= plain.keys():
            left_over = sorted(plain.keys() - names)
            missing = sorted(required - plain.keys())
            raise Misfit(
                f"no {kind.__name__}: it lacks {', '.join(missing) or 'nothing'}, and "
                f"{shown(', '.join(left_over)) if left_over else 'nothing'} is left over"
            )
        values = {}
        name = ""
        try:
            for name, value in plain.items():
                values[name] = decoders[name](value)
        except Misfit as misfit:
            raise misfit.inside(name) from None
        try:
            return kind(**values)
        except Misfit:
            raise
        except (ValueError, ConvGaugeError) as error:  # what the type itself refuses
            raise Misfit(str(error)) from error

    return decode


def _filled(hint: Any, filled: Mapping[Any, Any]) -> Any:
    """Return a field's annotation, the parameters of its generic dataclass filled in."""
    parameters = getattr(hint, "__parameters__", ())
    if hint in filled:
        return filled[hint]
    return hint[tuple(filled[parameter] for parameter in parameters)] if parameters else hint


def _has_default(field: dataclasses.Field[Any]) -> bool:
    missing = dataclasses.MISSING
    return field.default is not missing or field.default_factory is not missing


def _sequence(item: Any) -> Decode:
    decode_item, all_fit, rows_fit = decoder(item), all_fit_as(item), rows_fit_as(item)

    def decode(plain: Any) -> Any:
        if type(plain) not in (list, tuple):
            raise Misfit(f"found {shown(plain)}, expected a list")
        if all_fit and all_fit(plain):
            return tuple(plain)
        if rows_fit and rows_fit(plain):
            return tuple(map(tuple, plain))
        values = []
        try:
            for value in plain:
                values.append(decode_item(value))
        except Misfit as misfit:
            raise misfit.inside(len(values)) from None
        return tuple(values)

    return decode


def _row(items: tuple[Any, ...]) -> Decode:
    decoders = tuple(map(decoder, items))

    def decode(plain: Any) -> Any:
        if type(plain) not in (list, tuple) or len(plain) != len(decoders):
            raise Misfit(f"found {shown(plain)}, expected a list of {len(decoders)}")
        values: list[Any] = []
        try:
            for decode_item, value in zip(decoders, plain, strict=True):
                values.append(decode_item(value))
        except Misfit as misfit:
            raise misfit.inside(len(values)) from None
        return tuple(values)

    return decode


def _mapping(item: Any) -> Decode:
    decode_item = decoder(item)

    def decode(plain: Any) -> Any:
        if type(plain) is not dict:
            raise Misfit(f"found {shown(plain)}, expected an object")
        values = {}
        name = ""
        try:
            for name, value in plain.items():
                values[_text(name)] = decode_item(value)
        except Misfit as misfit:
            raise misfit.inside(shown(name)) from None
        return values

    return decode


def _optional(kinds: tuple[Any, ...]) -> Decode:
    some = [kind for kind in kinds if kind is not type(None)]
    decode_some = decoder(some[0]) if len(some) == 1 else _either(some)
    if len(some) == len(kinds):
        return decode_some
    return lambda plain: None if plain is None else decode_some(plain)


def _either(kinds: Sequence[Any]) -> Decode:
    """Return a decoder of several dataclasses: of the last that has a field of its own there.

    Where none has, it is the first; each of the others has fields that those before it have not.
    """
    decoders = [decoder(kind) for kind in kinds]
    own = [set(_names(kind)) - set(_names(kinds[0])) for kind in kinds]

    def decode(plain: Any) -> Any:
        given = set(plain) if type(plain) is dict else set()
        which = max(number for number in range(len(kinds)) if not number or own[number] & given)
        return decoders[which](plain)

    return decode


def _one_of(accepted: Mapping[Any, Any]) -> Decode:
    def decode(plain: Any) -> Any:
        if not isinstance(plain, str | int) or plain not in accepted:
            raise Misfit(f"found {shown(plain)}, expected {', '.join(map(str, accepted))}")
        return accepted[plain]

    return decode


def _text(plain: Any) -> str:
    if type(plain) is not str:
        raise Misfit(f"found {shown(plain)}, expected a text")
    # Half a surrogate pair, as in names of files that are no UTF-8, could not be written out.
    return plain if plain.isascii() else plain.encode(errors="replace").decode()


def _flag(plain: Any) -> bool:
    if type(plain) is not bool:
        raise Misfit(f"found {shown(plain)}, expected true or false")
    return plain


@functools.cache
def _names(kind: Hashable) -> tuple[str, ...]:
    return tuple(field.name for field in dataclasses.fields(typing.cast(Any, kind)))


def _fields(record: Any) -> dict[str, Any]:
    """Return a dataclass's fields, one level deep; the encoder comes back for those below."""
    return {name: getattr(record, name) for name in _names(typing.cast(Hashable, type(record)))}


_ENCODER = json.JSONEncoder(default=_fields, separators=(",", ":"))
_DECODER = json.JSONDecoder()
