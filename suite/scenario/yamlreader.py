"""A reader for the part of YAML 1.2 that holds data, with the line and column of everything.

Read are block and flow mappings and lists, plain and quoted scalars on one line, texts behind `|`
and `>`, comments. Anchors, aliases, tags and merge keys are refused: what a scenario file means
stands where it is read. So are the ways of YAML that a file of sizes has no use for (several
documents, directives, keys behind `?`, plain text over several lines).

It is here because `validate` has to answer at once: importing a full YAML library takes longer
than all the rest. tests/scenario/test_yamlreader.py holds it against one.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import NoReturn

from suite.scenario.yamltree import REFUSED, Faults, Key, Node, Place, scalar

_MOST_DEPTH = 8

# Patterns are compiled where they are first met: half of them a file seldom needs.
_EMPTY_LINES = r"(?:[ \t]*(?:#[^\n]*)?\n)*"
_INDENT = r" *"
_SPACES = r"[ \t]*"
_LINE_END = r"(?:[ \t]+#[^\n]*|[ \t]*)(?=\n)"
_FLOW_SPACES = r"(?:[ \t\n]|(?<=[ \t\n])#[^\n]*)*"
_DASH = r"-(?=[ \t\n])"
_COLON = r"[ \t]*:(?=[ \t\n])"
_FLOW_COLON = r":(?=[ \t\n,\[\]{}])"
_ANY_COLON = r":"
_MARKER = r"(?:---|\.\.\.)(?=[ \t\n])"
_PROPERTY = r"[&!][^ \t\n,\[\]{}]*"
_ALIAS = r"\*[^ \t\n,\[\]{}]*"
_TEXT_HEADER = r"[|>][+-]?(?=[ \t\n])"
_SINGLE_QUOTED = r"'((?:[^'\n]|'')*)'"
_DOUBLE_QUOTED = r'"((?:[^"\\\n]|\\[^\n])*)"'
_ESCAPE = r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|.)"
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "0": "\0", '"': '"', "\\": "\\", "/": "/", " ": " "}
_CONTROL = r"[\x00-\x08\x0b-\x1f\x7f]"

# A plain scalar: no indicator at its start, no ": " and no " #" inside, no space at its end.
_PLAIN = (
    r"""(?:[^ \t\n\-?:,\[\]{}#&*!|>'"%@`]|[-?:](?=[^ \t\n]))"""
    r"""(?:[^ \t\n:#]|:(?=[^ \t\n])|(?<=[^ \t\n])#|[ \t]+(?=[^ \t\n:#]|:(?=[^ \t\n])))*"""
)
_FLOW_PLAIN = (
    r"""(?:[^ \t\n\-?:,\[\]{}#&*!|>'"%@`]|[-?:](?=[^ \t\n,\[\]{}]))"""
    r"""(?:[^ \t\n:#,\[\]{}]|:(?=[^ \t\n,\[\]{}])|(?<=[^ \t\n])#"""
    r"""|[ \t]+(?=[^ \t\n:#,\[\]{}]|:(?=[^ \t\n,\[\]{}])))*"""
)


def parse(text: str, faults: Faults) -> Node:
    """Return the tree of a YAML document.

    What is no data (anchors, aliases, tags, merge keys) and keys that stand twice become
    faults, and the rest of the tree is still built.

    Raises:
        UsageError: what cannot be read at all, together with the faults found until there.
    """
    return _Reader(text, faults).document()


class _Reader:
    """Recursive descent. `_at` is the next character; `indent` counts columns from 0."""

    def __init__(self, text: str, faults: Faults) -> None:
        self._text = text if text.endswith("\n") else text + "\n"
        self._at = 0
        self._faults = faults
        self._starts = [0, *(match.end() for match in re.finditer("\n", self._text))]
        if control := re.search(_CONTROL, self._text):
            self._stop(f"the character {control.group()!a} is not allowed", control.start())

    def document(self) -> Node:
        self._skip_empty_lines()
        if self._text.startswith("---", self._at) and self._take(_MARKER):
            self._end_line()
            self._skip_empty_lines()
        if self._is_at_end():
            self._stop("the file is empty", 0)
        root = self._block(self._column(), 0)
        self._skip_empty_lines()
        if self._text.startswith("...", self._at) and self._take(_MARKER):
            self._skip_empty_lines()
        if not self._is_at_end():
            self._stop("expected the end of the file; it holds one document, evenly indented")
        return root

    def _block(self, indent: int, depth: int) -> Node:
        """Read what begins here, in column `indent`: a list, a mapping or a value on its line."""
        self._check_depth(depth)
        if indent == 0 and self._match(_MARKER):
            self._stop("a second document begins; a scenario file holds one")
        if self._match(_DASH):
            return self._block_list(indent, depth)
        if self._is_at_key():
            return self._block_mapping(indent, depth)
        return self._line_value(indent, depth)

    def _block_list(self, indent: int, depth: int) -> Node:
        place = self._place()
        items = []
        while self._continues(indent) and self._take(_DASH):
            after = self._place()
            self._take(_SPACES)
            self._refuse_properties()
            if self._is_at_line_end():
                items.append(self._below(indent, after, depth))
            else:
                items.append(self._block(self._column(), depth + 1))
        return Node(items, place)

    def _block_mapping(self, indent: int, depth: int) -> Node:
        place = self._place()
        fields: dict[Key, Node] = {}
        while self._continues(indent):
            if not self._is_at_key():
                self._stop(f"expected a key, a colon and a space, found {self._rest()}")
            key = self._key(_PLAIN)
            self._take(_COLON)
            after = self._place()
            self._take(_SPACES)
            self._refuse_properties()
            if self._is_at_line_end():
                value = self._below(indent, after, depth, list_at=indent)
            else:
                value = self._line_value(indent, depth + 1)
            self._put(fields, key, value)
        return Node(fields, place)

    def _below(self, indent: int, after: Place, depth: int, list_at: int | None = None) -> Node:
        """Read a value that begins on a later line, deeper than `indent`; none there: empty.

        A mapping's list may also stand in the column of the mapping itself, `list_at`.
        """
        self._skip_empty_lines()
        column = self._column()
        is_list = column == list_at and self._match(_DASH)
        if self._is_at_end() or (column <= indent and not is_list):
            return Node(None, after)
        return self._block(column, depth + 1)

    def _line_value(self, indent: int, depth: int) -> Node:
        place = self._place()
        if self._next() in "|>" and self._take(_TEXT_HEADER):
            self._end_line()
            return Node(self._indented_text(indent), place)
        value = self._value(_PLAIN, depth)
        self._end_line()
        return value

    def _indented_text(self, indent: int) -> str:
        """Read the lines below that are indented deeper.

        Folded and literal text are read alike: only a description holds text, and its line
        breaks do not count.
        """
        lines = []
        at = self._at + 1
        while at < len(self._text):
            end = self._text.index("\n", at)
            line = self._text[at:end]
            if line.strip() and len(line) - len(line.lstrip(" ")) <= indent:
                break
            lines.append(line.strip())
            at = end + 1
        self._at = at - 1
        return "\n".join(lines)

    def _value(self, plain: str, depth: int) -> Node:
        """Read a flow collection or a scalar; `plain` says where a plain one ends."""
        self._check_depth(depth)
        self._refuse_properties()
        place = self._place()
        match self._next():
            case "[":
                return self._flow_list(place, depth)
            case "{":
                return self._flow_mapping(place, depth)
            case "'" | '"':
                return Node(self._quoted(), place)
            case "*":
                self._faults.add(place, f"the alias {self._take(_ALIAS)}: write the value out")
                return Node(REFUSED, place)
        text = self._take(plain)
        if not text:
            self._stop(f"expected a value, found {self._rest()}; text like this needs quotes")
        return Node(scalar(text), place)

    def _flow_list(self, place: Place, depth: int) -> Node:
        items = []
        self._at += 1
        while not self._closes("]", place):
            items.append(self._value(_FLOW_PLAIN, depth + 1))
            self._comma_before("]", place)
        return Node(items, place)

    def _flow_mapping(self, place: Place, depth: int) -> Node:
        fields: dict[Key, Node] = {}
        self._at += 1
        while not self._closes("}", place):
            # Behind a quoted key the colon needs no space: JSON is YAML.
            colon = _ANY_COLON if self._next() in "'\"" else _FLOW_COLON
            key = self._key(_FLOW_PLAIN)
            self._take(_FLOW_SPACES)
            is_valued = self._take(colon)
            value = Node(None, self._place())
            self._skip_inside("}", place)
            if is_valued and self._next() not in ",}":
                value = self._value(_FLOW_PLAIN, depth + 1)
            self._put(fields, key, value)
            self._comma_before("}", place)
        return Node(fields, place)

    def _skip_inside(self, bracket: str, opened_at: Place) -> None:
        """Step over spaces, line ends and comments to what has to follow before `bracket`."""
        self._take(_FLOW_SPACES)
        if self._is_at_end():
            self._faults.add(opened_at, f"this bracket is never closed by {bracket}")
            raise self._faults.error()

    def _closes(self, bracket: str, opened_at: Place) -> bool:
        self._skip_inside(bracket, opened_at)
        is_closed = self._next() == bracket
        self._at += is_closed
        return is_closed

    def _comma_before(self, bracket: str, opened_at: Place) -> None:
        """Step over a comma; leave the closing bracket for `_closes`."""
        self._skip_inside(bracket, opened_at)
        if self._next() == bracket:
            return
        if self._next() != ",":
            self._stop(
                f"expected a comma or {bracket} (opened in line {opened_at.line}), "
                f"found {self._rest()}"
            )
        self._at += 1

    def _key(self, plain: str) -> Key:
        self._refuse_properties()
        place = self._place()
        key = Key(self._quoted() if self._next() in "'\"" else self._take(plain))
        if not key:
            self._stop(f"expected a key, found {self._rest()}")
        key.place = place
        return key

    def _put(self, fields: dict[Key, Node], key: Key, value: Node) -> None:
        if key == "<<":
            self._faults.add(key.place, "the merge key <<: write the values out")
        elif key in fields:
            first = next(known for known in fields if known == key)
            self._faults.add(
                key.place, f'the key "{key}" stands twice, first in line {first.place.line}'
            )
        else:
            fields[key] = value

    def _quoted(self) -> str:
        if single := self._match(_SINGLE_QUOTED):
            self._at = single.end()
            return single.group(1).replace("''", "'")
        double = self._match(_DOUBLE_QUOTED)
        if not double:
            self._stop("no closing quote on this line")
        text = re.sub(_ESCAPE, self._unescape, double.group(1))
        self._at = double.end()
        return text

    def _unescape(self, escape: re.Match[str]) -> str:
        code = escape.group(1)
        if len(code) > 1:
            return chr(int(code[1:], 16))
        if code not in _ESCAPES:
            self._stop(f"unknown escape \\{code} in double quotes; single quotes need none")
        return _ESCAPES[code]

    def _refuse_properties(self) -> None:
        while self._next() in "&!":
            place = self._place()
            found = self._take(_PROPERTY)
            self._take(_SPACES)
            kind = "anchor" if found.startswith("&") else "tag"
            self._faults.add(place, f"the {kind} {found}: scenario files hold plain values only")

    def _is_at_key(self) -> bool:
        for pattern in (_PLAIN, _SINGLE_QUOTED, _DOUBLE_QUOTED):
            if found := self._match(pattern):
                return bool(self._match(_COLON, found.end()))
        return False

    def _continues(self, indent: int) -> bool:
        """Go to the next line with content and return whether it belongs to this block."""
        self._skip_empty_lines()
        column = self._column()
        if self._is_at_end() or (column == 0 and self._match(_MARKER)):
            return False
        if column > indent:
            self._stop(f"indented by {column} columns, the entries above by {indent}")
        return column == indent

    def _skip_empty_lines(self) -> None:
        self._take(_EMPTY_LINES)
        self._take(_INDENT)
        if self._next() == "\t":
            self._stop("a tab; indent with spaces")

    def _end_line(self) -> None:
        end = self._match(_LINE_END)
        if not end:
            self._stop(
                f"expected the end of the line, found {self._rest()}; text like this needs quotes"
            )
        self._at = end.end()

    def _is_at_line_end(self) -> bool:
        """Return whether nothing but a comment follows; spaces are stepped over already."""
        return self._next() == "\n" or (self._next() == "#" and self._text[self._at - 1] in " \t")

    def _is_at_end(self) -> bool:
        return self._at >= len(self._text)

    def _next(self) -> str:
        """Return the next character; behind the end there are line ends."""
        return self._text[self._at] if self._at < len(self._text) else "\n"

    def _take(self, pattern: str) -> str:
        """Step over what matches here and return it; empty where nothing does."""
        found = self._match(pattern)
        if not found:
            return ""
        self._at = found.end()
        return found.group()

    def _match(self, pattern: str, at: int | None = None) -> re.Match[str] | None:
        return re.compile(pattern).match(self._text, self._at if at is None else at)

    def _column(self) -> int:
        return self._at - self._starts[bisect_right(self._starts, self._at) - 1]

    def _place(self, at: int | None = None) -> Place:
        at = self._at if at is None else at
        line = bisect_right(self._starts, at)
        return Place(line, at - self._starts[line - 1] + 1)

    def _rest(self) -> str:
        """Return the rest of the line, as messages show it."""
        rest = self._text[self._at : self._text.find("\n", self._at)]
        return f'"{rest[:30]}"' if rest else "the end of the line"

    def _check_depth(self, depth: int) -> None:
        if depth > _MOST_DEPTH:
            self._stop(f"nested deeper than {_MOST_DEPTH} levels")

    def _stop(self, message: str, at: int | None = None) -> NoReturn:
        """Give up here: what follows cannot be understood."""
        self._faults.add(self._place(at), message)
        raise self._faults.error()
