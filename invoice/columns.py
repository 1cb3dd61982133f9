"""Text in columns: wide characters count twice, and nothing is cut off that a reader needs.

Text that comes from outside is made printable first, so that no label can move the cursor or turn the line around.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from typing import Final

from ..diagnostics import display_width

# Format characters that join letters into one are part of writing; those that turn its direction are not.
_JOINERS: Final = "\u200c\u200d"
_NO_BREAK: Final = "\u00a0\u202f\u2007"


def printable(text: str) -> str:
    """The text on one line, without control characters and marks that change its direction."""
    # No-break spaces hold a number and its unit together, so only breaking ones are folded.
    folded = "".join(" " if character.isspace() and character not in _NO_BREAK else character for character in text)
    return " ".join(part for part in visible(folded).split(" ") if part)


def visible(text: str) -> str:
    """One line of text with its blanks as they are, without control characters and marks of direction."""
    return "".join(
        character
        for character in text
        if character in _JOINERS or unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Zl", "Zp")
    )


def pad_right(text: str, width: int) -> str:
    """The text with spaces after it, up to a width."""
    return text + " " * max(0, width - display_width(text))


def pad_left(text: str, width: int) -> str:
    """The text with spaces before it, up to a width."""
    return " " * max(0, width - display_width(text)) + text


def wrap(text: str, width: int) -> tuple[str, ...]:
    """The text in lines of at most `width` columns, broken at spaces, between wide characters, or anywhere at need."""
    lines: list[str] = []
    line = ""
    for piece in _pieces(text):
        candidate = line + piece
        if display_width(candidate.rstrip(" ")) <= width:
            line = candidate
            continue
        if line.strip(" "):
            lines.append(line.rstrip(" "))
        line = piece.lstrip(" ")
        while display_width(line) > width:
            head = _fitting(line, width)
            lines.append(head)
            line = line[len(head) :]
    if line.strip(" ") or not lines:
        lines.append(line.rstrip(" "))
    return tuple(lines)


def _pieces(text: str) -> Iterator[str]:
    """The stretches between places where a line may break: after spaces and around wide characters."""
    piece = ""
    for character in text:
        wide = display_width(character) == 2
        breaks = piece and (wide or display_width(piece[-1]) == 2 or (piece[-1] == " " and character != " "))
        # Closing punctuation stays with what it closes.
        if breaks and not (wide and unicodedata.category(character) in ("Po", "Pe", "Pf")):
            yield piece
            piece = ""
        piece += character
    if piece:
        yield piece


def _fitting(text: str, width: int) -> str:
    """The longest beginning that fits, at least one character."""
    end = 1
    while end < len(text) and display_width(text[: end + 1]) <= width:
        end += 1
    return text[:end]


def two_columns(left: str, right: str, width: int, *, indent: int = 0, hanging: int = 0) -> str:
    """The left text wrapped beside the right one, which stands at the end of the first line.

    Further lines of the left text are indented by `hanging` more. A right text that leaves no room goes below.
    """
    room = width - indent - (display_width(right) + 2 if right else 0)
    if room < 16 and right:
        below = pad_left(right, width) if display_width(right) <= width else "\n".join(wrap(right, width))
        return two_columns(left, "", width, indent=indent, hanging=hanging) + "\n" + below
    first, *rest = wrap(left, max(room, 1))
    if rest and hanging:
        rest = list(wrap(left[len(first) :].lstrip(" "), max(room - hanging, 1)))
    head = " " * indent + first
    if right:
        head = pad_right(head, width - display_width(right)) + right
    return "\n".join([head, *(" " * (indent + hanging) + line for line in rest)])
