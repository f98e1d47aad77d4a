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

from suite.scenario.cursor import Cursor
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


class _Reader(Cursor):
    """Recursive descent; `indent` counts columns from 0."""

    def __init__(self, text: str, faults: Faults) -> None:
        super().__init__(text, faults)
        if control := re.search(_CONTROL, self.text):
            self.stop(f"the character {control.group()!a} is not allowed", control.start())

    def document(self) -> Node:
        self._skip_empty_lines()
        if self.text.startswith("---", self.at) and self.take(_MARKER):
            self._end_line()
            self._skip_empty_lines()
        if self.is_at_end():
            self.stop("the file is empty", 0)
        root = self._block(self.column(), 0)
        self._skip_empty_lines()
        if self.text.startswith("...", self.at) and self.take(_MARKER):
            self._skip_empty_lines()
        if not self.is_at_end():
            self.stop("expected the end of the file; it holds one document, evenly indented")
        return root

    def _block(self, indent: int, depth: int) -> Node:
        """Read what begins here, in column `indent`: a list, a mapping or a value on its line."""
        self._check_depth(depth)
        if indent == 0 and self.match(_MARKER):
            self.stop("a second document begins; a scenario file holds one")
        if self.match(_DASH):
            return self._block_list(indent, depth)
        if self._is_at_key():
            return self._block_mapping(indent, depth)
        return self._line_value(indent, depth)

    def _block_list(self, indent: int, depth: int) -> Node:
        place = self.place()
        items = []
        while self._continues(indent) and self.take(_DASH):
            after = self.place()
            self.take(_SPACES)
            self._refuse_properties()
            if self._is_at_line_end():
                items.append(self._below(indent, after, depth))
            else:
                items.append(self._block(self.column(), depth + 1))
        return Node(items, place)

    def _block_mapping(self, indent: int, depth: int) -> Node:
        place = self.place()
        fields: dict[Key, Node] = {}
        while self._continues(indent):
            if not self._is_at_key():
                self.stop(f"expected a key, a colon and a space, found {self.rest()}")
            key = self._key(_PLAIN)
            self.take(_COLON)
            after = self.place()
            self.take(_SPACES)
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
        column = self.column()
        is_list = column == list_at and self.match(_DASH)
        if self.is_at_end() or (column <= indent and not is_list):
            return Node(None, after)
        return self._block(column, depth + 1)

    def _line_value(self, indent: int, depth: int) -> Node:
        place = self.place()
        if self.next() in "|>" and self.take(_TEXT_HEADER):
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
        at = self.at + 1
        while at < len(self.text):
            end = self.text.index("\n", at)
            line = self.text[at:end]
            if line.strip() and len(line) - len(line.lstrip(" ")) <= indent:
                break
            lines.append(line.strip())
            at = end + 1
        self.at = at - 1
        return "\n".join(lines)

    def _value(self, plain: str, depth: int) -> Node:
        """Read a flow collection or a scalar; `plain` says where a plain one ends."""
        self._check_depth(depth)
        self._refuse_properties()
        place = self.place()
        match self.next():
            case "[":
                return self._flow_list(place, depth)
            case "{":
                return self._flow_mapping(place, depth)
            case "'" | '"':
                return Node(self._quoted(), place)
            case "*":
                self.faults.add(place, f"the alias {self.take(_ALIAS)}: write the value out")
                return Node(REFUSED, place)
        text = self.take(plain)
        if not text:
            self.stop(f"expected a value, found {self.rest()}; text like this needs quotes")
        return Node(scalar(text), place)

    def _flow_list(self, place: Place, depth: int) -> Node:
        items = []
        self.at += 1
        while not self._closes("]", place):
            items.append(self._value(_FLOW_PLAIN, depth + 1))
            self._comma_before("]", place)
        return Node(items, place)

    def _flow_mapping(self, place: Place, depth: int) -> Node:
        fields: dict[Key, Node] = {}
        self.at += 1
        while not self._closes("}", place):
            # Behind a quoted key the colon needs no space: JSON is YAML.
            colon = _ANY_COLON if self.next() in "'\"" else _FLOW_COLON
            key = self._key(_FLOW_PLAIN)
            self.take(_FLOW_SPACES)
            is_valued = self.take(colon)
            value = Node(None, self.place())
            self._skip_inside("}", place)
            if is_valued and self.next() not in ",}":
                value = self._value(_FLOW_PLAIN, depth + 1)
            self._put(fields, key, value)
            self._comma_before("}", place)
        return Node(fields, place)

    def _skip_inside(self, bracket: str, opened_at: Place) -> None:
        """Step over spaces, line ends and comments to what has to follow before `bracket`."""
        self.take(_FLOW_SPACES)
        if self.is_at_end():
            self.faults.add(opened_at, f"this bracket is never closed by {bracket}")
            raise self.faults.error()

    def _closes(self, bracket: str, opened_at: Place) -> bool:
        self._skip_inside(bracket, opened_at)
        is_closed = self.next() == bracket
        self.at += is_closed
        return is_closed

    def _comma_before(self, bracket: str, opened_at: Place) -> None:
        """Step over a comma; leave the closing bracket for `_closes`."""
        self._skip_inside(bracket, opened_at)
        if self.next() == bracket:
            return
        if self.next() != ",":
            self.stop(
                f"expected a comma or {bracket} (opened in line {opened_at.line}), "
                f"found {self.rest()}"
            )
        self.at += 1

    def _key(self, plain: str) -> Key:
        self._refuse_properties()
        place = self.place()
        key = Key(self._quoted() if self.next() in "'\"" else self.take(plain))
        if not key:
            self.stop(f"expected a key, found {self.rest()}")
        key.place = place
        return key

    def _put(self, fields: dict[Key, Node], key: Key, value: Node) -> None:
        if key == "<<":
            self.faults.add(key.place, "the merge key <<: write the values out")
        elif key in fields:
            first = next(known for known in fields if known == key)
            self.faults.add(
                key.place, f'the key "{key}" stands twice, first in line {first.place.line}'
            )
        else:
            fields[key] = value

    def _quoted(self) -> str:
        if single := self.match(_SINGLE_QUOTED):
            self.at = single.end()
            return single.group(1).replace("''", "'")
        double = self.match(_DOUBLE_QUOTED)
        if not double:
            self.stop("no closing quote on this line")
        text = re.sub(_ESCAPE, self._unescape, double.group(1))
        self.at = double.end()
        return text

    def _unescape(self, escape: re.Match[str]) -> str:
        code = escape.group(1)
        if len(code) > 1:
            character = chr(int(code[1:], 16))
            if not character.isprintable():
                self.stop(f"the character \\{code} is not allowed")
            return character
        if code not in _ESCAPES:
            self.stop(f"unknown escape \\{code} in double quotes; single quotes need none")
        return _ESCAPES[code]

    def _refuse_properties(self) -> None:
        while self.next() in "&!":
            place = self.place()
            found = self.take(_PROPERTY)
            self.take(_SPACES)
            kind = "anchor" if found.startswith("&") else "tag"
            self.faults.add(place, f"the {kind} {found}: scenario files hold plain values only")

    def _is_at_key(self) -> bool:
        for pattern in (_PLAIN, _SINGLE_QUOTED, _DOUBLE_QUOTED):
            if found := self.match(pattern):
                return bool(self.match(_COLON, found.end()))
        return False

    def _continues(self, indent: int) -> bool:
        """Go to the next line with content and return whether it belongs to this block."""
        self._skip_empty_lines()
        column = self.column()
        if self.is_at_end() or (column == 0 and self.match(_MARKER)):
            return False
        if column > indent:
            self.stop(f"indented by {column} columns, the entries above by {indent}")
        return column == indent

    def _skip_empty_lines(self) -> None:
        self.take(_EMPTY_LINES)
        self.take(_INDENT)
        if self.next() == "\t":
            self.stop("a tab; indent with spaces")

    def _end_line(self) -> None:
        end = self.match(_LINE_END)
        if not end:
            self.stop(
                f"expected the end of the line, found {self.rest()}; text like this needs quotes"
            )
        self.at = end.end()

    def _is_at_line_end(self) -> bool:
        """Return whether nothing but a comment follows; spaces are stepped over already."""
        return self.next() == "\n" or (self.next() == "#" and self.text[self.at - 1] in " \t")

    def _check_depth(self, depth: int) -> None:
        if depth > _MOST_DEPTH:
            self.stop(f"nested deeper than {_MOST_DEPTH} levels")
