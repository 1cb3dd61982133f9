"""From a text to lines: characters, comments and indentation, before any grammar.

Everything keeps its offset. Full-width twins are read as ASCII one for one, outside of texts in quotes and of
comments, so that an offset in what is read is an offset in what was written.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, replace

from ..diagnostics import Diagnostic, Edit, Source, Span
from .syntax import Comment

NESTING_MAX = 40

_TWINS = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F) if code not in (0xFF02, 0xFF03)}
_TWINS |= {0x3000: 0x20, 0xA0: 0x20, 0xFFE5: 0xA5, 0xFFE0: 0xA2, 0xFFE1: 0xA3, 0xFFE6: 0x20A9}

# What stands on a line before its comment: anything, texts in quotes whole.
_CODE = re.compile(r'(?:[^"＂#]++|"[^"]*+"|＂[^"＂]*+["＂])*+')
_QUOTED = re.compile(r'"[^"]*"|＂[^"＂]*["＂]')
_SUSPECT = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]"
)
_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_WORD = re.compile(r"[^\W\d]\w*")


@dataclass(frozen=True, slots=True)
class Line:
    """One line that is not empty: the offsets of its code, without comment and spaces around it.

    `level` is the depth of its block, 0 for the first line of a declaration; `column` its indentation.
    """

    start: int
    end: int
    column: int
    level: int
    broken: bool = False
    """Whether it holds a character or a quote that makes it unreadable."""


@dataclass(frozen=True, slots=True)
class Layout:
    """A text as the grammar reads it: declarations as their lines, comments, and what was wrong with the characters."""

    text: str
    declarations: tuple[tuple[Line, ...], ...]
    comments: tuple[Comment, ...]
    diagnostics: tuple[Diagnostic, ...]


@dataclass(frozen=True, slots=True)
class _Code:
    start: int
    end: int
    column: int
    broken: bool
    line_start: int


def lay_out(source: Source) -> Layout:
    """Split a text into declarations; lines that cannot be read are reported and marked."""
    found: list[Diagnostic] = []
    broken = set(refused_characters(source, found))
    pieces: list[str] = []
    codes: list[_Code] = []
    comments: list[Comment] = []
    offset = 0
    for number, raw in enumerate(source.text.split("\n")):
        line = raw if raw.isascii() else as_ascii_twins(raw)
        pieces.append(line)
        code = _CODE.match(line)
        assert code is not None
        end, rest = code.end(), line[code.end() : code.end() + 1]
        stripped = line[:end].replace("\t", " ").replace("\ufeff", " ").rstrip()
        content = stripped.lstrip()
        if rest == "#":
            span = Span(source.name, offset + end, offset + len(raw.rstrip()))
            comments.append(Comment(span=span, text=raw[end:].rstrip(), own_line=not content))
        elif rest and number not in broken:
            found.append(_unclosed(source.name, raw, offset, end))
            broken.add(number)
        if content:
            begin = len(stripped) - len(content)
            place = offset + begin, offset + len(stripped), _column(raw[:begin])
            codes.append(_Code(*place, broken=number in broken, line_start=offset))
        offset += len(raw) + 1
    text = "\n".join(pieces).replace("\t", " ").replace("\r", " ").replace("\ufeff", " ")
    _names_that_deceive(source, text, codes, found)
    declarations = tuple(_declarations(source, codes, found))
    return Layout(text, declarations, tuple(comments), tuple(found))


def _column(indentation: str) -> int:
    return len(indentation.replace("\ufeff", "")) + indentation.count("\t")


def as_ascii_twins(line: str) -> str:
    """A line with its full-width twins as ASCII, one for one; texts in quotes and comments stay as they are."""
    parts: list[str] = []
    position, comment = 0, line.find("#")
    while position < len(line):
        if 0 <= comment < position:
            comment = line.find("#", position)
        quoted = _QUOTED.search(line, position)
        if quoted is not None and (comment < 0 or quoted.start() < comment):
            parts.append(line[position : quoted.start()].translate(_TWINS))
            parts.append(quoted.group())
            position = quoted.end()
            continue
        end = comment if comment >= 0 else len(line)
        parts.append(line[position:end].translate(_TWINS))
        parts.append(line[end:])
        break
    return "".join(parts)


def _unclosed(file: str, raw: str, offset: int, quote: int) -> Diagnostic:
    end = offset + len(raw.rstrip())
    return Diagnostic(
        "RB1006",
        "this text has no closing quote",
        Span(file, offset + quote, end),
        here="begins here",
        hints=('close it with `"` on the same line',),
    )


def refused_characters(source: Source, found: list[Diagnostic]) -> Iterator[int]:
    """Report characters that may not stand anywhere; yields the numbers (from 0) of the lines that have one."""
    if not unicodedata.is_normalized("NFC", source.text):
        for number in range(1, source.line_count + 1):
            line = source.line(number)
            if not unicodedata.is_normalized("NFC", line):
                start = source.line_start(number)
                found.append(
                    Diagnostic(
                        "RB1013",
                        "letters with accents are composed of parts here; the text is read in its usual form (NFC)",
                        Span(source.name, start, start + len(line)),
                        hints=("save the text in the form NFC",),
                        edits=(Edit(Span(source.name, start, start + len(line)), unicodedata.normalize("NFC", line)),),
                    )
                )
                break
    seen: set[tuple[int, str]] = set()
    for match in _SUSPECT.finditer(source.text):
        character, start = match.group(), match.start()
        if character == "\r" and source.text[start + 1 : start + 2] in ("\n", ""):
            continue
        if character == "\ufeff" and start == 0:
            continue
        number = source.position(start)[0] - 1
        kind = character if character == "\t" or character not in _BIDI else "bidi"
        if (number, kind) not in seen:
            seen.add((number, kind))
            found.append(_refusal(Span(source.name, start, start + 1), character, source, number))
        if character != "\t":
            yield number


def _refusal(span: Span, character: str, source: Source, number: int) -> Diagnostic:
    if character == "\t":
        line, start = source.line(number + 1), source.line_start(number + 1)
        first_word = len(line) - len(line.lstrip())
        indentation = span.start - start < first_word
        where = "in the indentation" if indentation else "between words"
        edits = tuple(
            Edit(Span(source.name, start + index, start + index + 1), "  " if index < first_word else " ")
            for index, sign in enumerate(line)
            if sign == "\t"
        )
        hint = "indent by two spaces" if indentation else "write a space"
        return Diagnostic("RB1002", f"there is a tab {where}", span, here="a tab", hints=(hint,), edits=edits)
    if character in _BIDI:
        return Diagnostic(
            "RB1007",
            "a hidden character here changes the direction of the text, so that it may read otherwise than it counts",
            span,
            here=f"U+{ord(character):04X}",
            hints=("delete the hidden character",),
            edits=(Edit(span, ""),),
        )
    if "\ud800" <= character <= "\udfff":
        return Diagnostic("RB1012", "this character is half of one and cannot be written as UTF-8", span)
    return Diagnostic(
        "RB1015",
        f"an invisible character stands here (U+{ord(character):04X})",
        span,
        hints=("delete it",),
        edits=(Edit(span, ""),),
    )


def _declarations(source: Source, codes: list[_Code], found: list[Diagnostic]) -> Iterator[tuple[Line, ...]]:
    block: list[Line] = []
    columns: list[int] = []
    reported: dict[tuple[int, int], int] = {}
    for code in codes:
        if not columns or code.column <= columns[0]:
            if block:
                yield tuple(block)
            block, columns = [Line(code.start, code.end, code.column, 0, code.broken)], [code.column]
            reported = {}
            if code.column:
                found.append(_indented_without_block(source.name, code))
            continue
        if code.column > columns[-1]:
            columns.append(code.column)
            if len(columns) == NESTING_MAX + 2:
                span = Span(source.name, code.start, code.end)
                found.append(
                    Diagnostic("RB1009", f"blocks are nested more than {NESTING_MAX} deep here", span, here="too deep")
                )
        else:
            block_column = columns[-1]
            while code.column < columns[-1]:
                block_column = columns.pop()
            if code.column != columns[-1]:
                columns.append(block_column)
                _report_between(source.name, code, block_column, found, reported)
        level = len(columns) - 1
        if level <= NESTING_MAX:
            block.append(Line(code.start, code.end, code.column, level, code.broken))
    if block:
        yield tuple(block)


def _indented_without_block(file: str, code: _Code) -> Diagnostic:
    indentation = Span(file, code.line_start, code.start)
    return Diagnostic(
        "RB1003",
        "this line is indented, but no line above it opens a block",
        Span(file, code.start, code.end),
        hints=("begin the line without spaces",),
        edits=(Edit(indentation, ""),),
    )


def _report_between(
    file: str, code: _Code, column: int, found: list[Diagnostic], reported: dict[tuple[int, int], int]
) -> None:
    """One finding for all lines of a declaration that miss the same block in the same way, with an edit for each."""
    finding = _between_blocks(file, code, column)
    before = reported.setdefault((code.column, column), len(found))
    if before == len(found):
        found.append(finding)
    else:
        found[before] = replace(found[before], edits=(*found[before].edits, *finding.edits))


def _between_blocks(file: str, code: _Code, column: int) -> Diagnostic:
    return Diagnostic(
        "RB1003",
        f"this line is indented by {code.column} spaces, which fits no block above it",
        Span(file, code.start, code.end),
        hints=(f"indent it by {column} spaces to go on with the block above",),
        edits=(Edit(Span(file, code.line_start, code.start), " " * column),),
    )


# Names that deceive the eye

_LOOK_ALIKES = str.maketrans(
    "асеорхуіјѕԁһԛѡАВЕКМНОРСТХІЈЅΑΒΕΖΗΙΚΜΝΟΡΤΥΧοαν",
    "aceopxyijsdhqwABEKMHOPCTXIJSABEZHIKMNOPTYXoav",
)


def _script(letter: str) -> str:
    return unicodedata.name(letter, "").split(" ", 1)[0]


def _names_that_deceive(source: Source, text: str, codes: list[_Code], found: list[Diagnostic]) -> None:
    if text.isascii():
        return
    plain: set[str] = set()
    foreign: dict[str, Span] = {}
    for code in codes:
        line = _QUOTED.sub(lambda quoted: " " * len(quoted.group()), text[code.start : code.end])
        for match in _WORD.finditer(line):
            if match.group().isascii():
                plain.add(match.group())
            else:
                span = Span(source.name, code.start + match.start(), code.start + match.end())
                foreign.setdefault(match.group(), span)
    for name, span in foreign.items():
        scripts = {_script(letter) for letter in name if letter.isalpha()}
        suspicious = scripts & {"CYRILLIC", "GREEK"}
        if suspicious and "LATIN" in scripts:
            message = f"the name `{name}` mixes Latin and {min(suspicious).title()} letters, which look alike"
        elif suspicious and name.translate(_LOOK_ALIKES) in plain:
            message = f"the name `{name}` looks like `{name.translate(_LOOK_ALIKES)}`, but has other letters"
        else:
            continue
        found.append(Diagnostic("RB1014", message, span, hints=("write the name in one script",)))
