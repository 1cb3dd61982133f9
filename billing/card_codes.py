"""Codes of prepaid cards: how they are made, read and hashed. A code is shown once and stored nowhere.

A code is 19 random letters of a 32-letter alphabet without I, L, O and U, 95 bits, and a letter that checks them. It
is written in groups: `7K3QM-9ZT4B-X1V8D-PW6HC`. What is stored is its HMAC with a key that is not in the database, so
that who reads the database can neither use a card nor try codes against it.
"""

from __future__ import annotations

import hmac
import secrets
from functools import reduce
from hashlib import sha256

from ..diagnostics import Diagnostic

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
RANDOM_LETTERS = 19
GROUP = 5
_READ_AS = str.maketrans("OIL", "011", " -\t")


def new_code() -> str:
    """A code that nobody can guess."""
    letters = "".join(secrets.choice(ALPHABET) for _ in range(RANDOM_LETTERS))
    return grouped(letters + check_letter(letters))


def grouped(code: str) -> str:
    """A code as it is printed, in groups."""
    return "-".join(code[start : start + GROUP] for start in range(0, len(code), GROUP))


def check_letter(letters: str) -> str:
    """The letter that checks others: any one wrong letter, and any two that changed places, are noticed.

    Letters are the elements of the field with 32 elements; the check makes the sum of all letters, each times a power
    of its own of a generator, zero.
    """
    return ALPHABET[_doubled(_folded(letters))]


def _folded(letters: str) -> int:
    return reduce(lambda found, letter: _doubled(found) ^ ALPHABET.index(letter), letters, 0)


def _doubled(element: int) -> int:
    """An element times the generator, modulo x^5 + x^2 + 1."""
    shifted = element << 1
    return shifted ^ 0b100101 if shifted & 0b100000 else shifted


def read_code(text: str) -> str | Diagnostic:
    """The letters of a code as somebody typed it: in any case, with or without hyphens, O for 0, I and L for 1."""
    letters = text.strip().upper().translate(_READ_AS)
    whole = len(letters) == RANDOM_LETTERS + 1 and all(letter in ALPHABET for letter in letters)
    if not whole or check_letter(letters[:-1]) != letters[-1]:
        hints = (f"a code has {RANDOM_LETTERS + 1} letters and digits; look for one that is missing or wrong",)
        return Diagnostic("RB7072", "the code has a slip", hints=hints)
    return letters


def hashed(letters: str, key: bytes) -> str:
    """What is stored of a code."""
    return hmac.new(key, b"card code:" + letters.encode(), sha256).hexdigest()


def check_of_key(key: bytes) -> str:
    """A few digits that tell one key from another and give none of it away."""
    return hmac.new(key, b"which key is it", sha256).hexdigest()[:16]
