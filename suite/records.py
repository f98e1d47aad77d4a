"""Dataclasses as JSON and back: each field is checked against its annotation.

The files of a run and the messages between processes are made of them. What comes in may have
been written by anyone, so that a value counts only if it is of its field's type and within its
bounds: numbers are finite unless their annotation says otherwise, no field is missing unless it
has a default, and none is left over. Floats survive the way bit for bit.

Annotations may be str, bool, int, float, an Enum, Literal, dataclasses (generic ones too), tuples,
dict[str, ...], `... | None`, and Annotated numbers with a `Within`.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import json
import math
import sys
import types
import typing
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Any, Literal, TypeVar

from suite.errors import UsageError

Record = TypeVar("Record")
Decode = Callable[[Any], Any]
MOST_INT = 2**63
"""What is larger is no count of anything, and no C library takes it."""
MOST_FLOAT = sys.float_info.max
MOST_SHOWN = 60


@dataclass(frozen=True)
class Within:
    """In an annotation: the least and the most that a number may be, both included."""

    least: float = -math.inf
    most: float = math.inf
    finite: bool = True


AnyFloat = Annotated[float, Within(finite=False)]
"""May be NaN or infinite: what an implementation computed, and errors of it."""
Seconds = Annotated[float, Within(0, 1e9)]
Count = Annotated[int, Within(0)]


class Misfit(ValueError):
    """A value does not fit its type; says where, what was found and what is accepted."""

    def __init__(self, problem: str, place: str = "") -> None:
        super().__init__(f"{place}: {problem}" if place else problem)
        self._problem = problem
        self._place = place

    def inside(self, name: str | int) -> Misfit:
        """Return the same one level further out: inside a field, or at a place in a tuple."""
        own = f"[{name}]" if isinstance(name, int) else name
        joint = "." if self._place and not self._place.startswith("[") else ""
        return Misfit(self._problem, f"{own}{joint}{self._place}")


def shown(value: object) -> str:
    """Return a value as an error message names it, however long it is."""
    try:
        text = repr(value)
    except Exception:  # an int of more digits than Python prints; a value of somebody else's type
        return f"a {type(value).__name__} that cannot be printed"
    return text if len(text) <= MOST_SHOWN else f"{text[: MOST_SHOWN - 1]}…"


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
        Annotated: lambda: _number(arguments[0], arguments[1]),
        typing.Union: lambda: _optional(arguments),
        types.UnionType: lambda: _optional(arguments),
        Literal: lambda: _one_of({word: word for word in arguments}),
        tuple: lambda: _row(arguments) if arguments[-1] is not ... else _sequence(arguments[0]),
        dict: lambda: _mapping(arguments[1]),
        int: lambda: _number(int, Within()),
        float: lambda: _number(float, Within()),
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
        except (ValueError, UsageError) as error:  # what the type itself refuses
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


def _number(kind: Any, within: Within) -> Decode:
    least, most = within.least, within.most
    what = "a number"
    if kind is int:
        what, least, most = "an integer", max(least, -MOST_INT), min(most, MOST_INT)
    elif within.finite:
        least, most = max(least, -MOST_FLOAT), min(most, MOST_FLOAT)

    def decode(plain: Any) -> Any:
        if type(plain) is kind:
            if least <= plain <= most or (not within.finite and math.isnan(plain)):
                return plain
        # An integer stands for a float, if it is one's size.
        elif type(plain) is int and max(least, -MOST_FLOAT) <= plain <= min(most, MOST_FLOAT):
            return plain
        raise Misfit(f"found {shown(plain)}, expected {what} from {least:.6g} to {most:.6g}")

    return decode


def _sequence(item: Any) -> Decode:
    decode_item, all_fit, rows_fit = decoder(item), _all_fit(item), _rows_fit(item)

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


# Samples and stream starts come by the dozen in every turn, and by the million in a run's file:
# where all of them fit, that is seen at once rather than one by one.


def _all_fit(item: Any) -> Callable[[Sequence[Any]], bool] | None:
    """Return whether all of some numbers fit, as a function; None where `item` is no number."""
    kind, within = (
        typing.get_args(item)[:2] if typing.get_origin(item) is Annotated else (item, Within())
    )
    if kind not in (int, float) or not within.finite:
        return None
    largest = MOST_INT if kind is int else MOST_FLOAT
    least, most = max(within.least, -largest), min(within.most, largest)

    def all_fit(plain: Sequence[Any]) -> bool:
        # The sum of what is not all finite is not finite.
        return (
            set(map(type, plain)) == {kind}
            and (kind is int or math.isfinite(sum(plain)))
            and least <= min(plain)
            and max(plain) <= most
        )

    return all_fit


def _rows_fit(item: Any) -> Callable[[Sequence[Any]], bool] | None:
    """Return the same for rows of equally many numbers of one type."""
    items = typing.get_args(item)
    if typing.get_origin(item) is not tuple or len(set(items)) != 1 or not items:
        return None
    all_fit = _all_fit(items[0])

    def rows_fit(plain: Sequence[Any]) -> bool:
        return (
            all_fit is not None
            and set(map(type, plain)) == {list}
            and set(map(len, plain)) == {len(items)}
            and all_fit(list(itertools.chain.from_iterable(plain)))
        )

    return rows_fit


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
    (kind,) = (kind for kind in kinds if kind is not type(None))
    decode_some = decoder(kind)
    return lambda plain: None if plain is None else decode_some(plain)


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
