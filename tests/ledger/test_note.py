"""Signed checkpoints: the forms of C2SP as published, and nothing changed or foreign gets through."""

from __future__ import annotations

import builtins
from base64 import b64decode, b64encode
from collections.abc import Callable
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from ratebook.diagnostics import Diagnostic
from ratebook.ledger.note import (
    Checkpoint,
    PublicKey,
    SecretKey,
    checkpoint_text,
    new_key,
    open_note,
    read_public_key,
    read_secret_key,
    sign,
)

LOG = "ledger.example.com/production"
ROOT = sha256(b"root").digest()


def key_of(name: str = LOG, seed: bytes = b"\x07" * 32) -> SecretKey:
    key = new_key(name, seed)
    assert isinstance(key, SecretKey)
    return key


KEY = key_of()
CHECKPOINT = Checkpoint(LOG, 20852163, ROOT)
NOTE = sign(CHECKPOINT, KEY)


def code(result: object) -> str:
    assert isinstance(result, Diagnostic), result
    return result.code


def test_the_pair_of_keys_that_the_go_library_publishes() -> None:
    secret = read_secret_key("PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz\n")
    public = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
    assert isinstance(secret, SecretKey)
    assert str(secret.public_key) == public
    assert read_public_key(f" {public}\n") == secret.public_key
    assert secret.text().endswith("+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz")


def test_a_note_is_text_an_empty_line_and_an_ed25519_signature_of_the_text() -> None:
    text, line = NOTE.split("\n\n")
    assert text == f"{LOG}\n20852163\n{b64encode(ROOT).decode()}"
    dash, name, encoded = line.removesuffix("\n").split(" ")
    assert (dash, name) == ("\u2014", LOG)
    id_, signature = b64decode(encoded)[:4], b64decode(encoded)[4:]
    assert id_ == sha256(LOG.encode() + b"\n\x01" + KEY.public_key.public).digest()[:4]
    Ed25519PublicKey.from_public_bytes(KEY.public_key.public).verify(signature, f"{text}\n".encode())


def test_what_was_signed_comes_back() -> None:
    assert open_note(NOTE, [KEY.public_key]) == CHECKPOINT
    empty = Checkpoint(LOG, 0, sha256().digest(), ("time 2026-03-01", "more"))
    assert open_note(sign(empty, KEY), [KEY.public_key]) == empty


@given(st.integers(0, len(NOTE.encode()) - 1), st.integers(0, 7))
def test_a_flipped_bit_anywhere_is_found(place: int, bit: int) -> None:
    data = bytearray(NOTE.encode())
    data[place] ^= 1 << bit
    result = open_note(data.decode(errors="surrogateescape"), [KEY.public_key])
    assert code(result) in {"RB7110", "RB7111", "RB7112"}


def test_the_signature_of_a_witness_beside_it_is_passed_over() -> None:
    witness = key_of("witness.example.com/w1", b"\x09" * 32)
    of_witness = NOTE.replace(f"\u2014 {LOG}", "\u2014 witness.example.com/w1")
    line = sign(Checkpoint("witness.example.com/w1", 1, ROOT), witness).split("\n\n")[1]
    assert open_note(NOTE + line, [KEY.public_key]) == CHECKPOINT
    assert code(open_note(of_witness, [KEY.public_key])) == "RB7110"


def test_after_a_change_of_keys_either_key_opens_its_own() -> None:
    later = key_of(seed=b"\x08" * 32)
    keys = [KEY.public_key, later.public_key]
    assert open_note(NOTE, keys) == open_note(sign(CHECKPOINT, later), keys) == CHECKPOINT
    assert code(open_note(NOTE, [later.public_key])) == "RB7110"
    # One good signature does not excuse a bad one.
    bad = sign(Checkpoint(LOG, 1, ROOT), later).split("\n\n")[1]
    assert code(open_note(NOTE + bad, keys)) == "RB7110"
    assert open_note(NOTE + bad, [KEY.public_key]) == CHECKPOINT


def test_the_checkpoint_of_another_log() -> None:
    other = key_of("ledger.example.com/test")
    assert code(open_note(NOTE, [other.public_key])) == "RB7112"
    with pytest.raises(ValueError, match="does not sign for"):
        sign(CHECKPOINT, other)


def test_the_key_of_the_log_that_signs_for_another_origin_is_refused() -> None:
    # Signed by hand: the program does not.
    text = checkpoint_text(Checkpoint("elsewhere", 5, ROOT))
    signature = Ed25519PrivateKey.from_private_bytes(KEY.seed).sign(text.encode())
    line = f"\u2014 {LOG} {b64encode(KEY.public_key.id + signature).decode()}\n"
    assert code(open_note(f"{text}\n{line}", [KEY.public_key])) == "RB7112"


@pytest.mark.parametrize(
    "change",
    [
        lambda note: "",
        lambda note: "\n\n",
        lambda note: note.replace("\n", "\r\n"),
        lambda note: note.removesuffix("\n"),
        lambda note: note + "\n",
        lambda note: note.replace("\u2014", "-"),
        lambda note: note.replace("20852163", "020852163"),
        lambda note: note.replace("20852163", "-1"),
        lambda note: note.replace("20852163", "9" * 39),
        lambda note: note.replace("20852163", "1\n2"),
        lambda note: note.replace("20852163\n", ""),
        lambda note: note.replace(f"{LOG}\n", "\n", 1),
        lambda note: note.replace("\n\n", "\n"),
        lambda note: note.replace("\n\n", "\n\n\n"),
        lambda note: note.replace("=\n\n", "\n\n"),
        lambda note: note + "\u2014 a b c\n",
        lambda note: note + "\u2014 a+b AAAAAAA=\n",
        lambda note: note + "\u2014 a AAAA\n",
        lambda note: note + note.split("\n\n")[1] * 100,
        lambda note: note.replace("ledger", "ledg\ud800r"),
        lambda note: note.replace("ledger", "ledg\x1br"),
    ],
)
def test_what_is_no_note(change: Callable[[str], str]) -> None:
    assert code(open_note(change(NOTE), [KEY.public_key])) == "RB7111"


@given(st.text())
def test_no_text_opens_or_raises(text: str) -> None:
    for note in (text, f"{LOG}\n{text}", f"{NOTE[:-20]}{text}\n"):
        if note != NOTE:
            assert code(open_note(note, [KEY.public_key])).startswith("RB711")


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\u00a0b", "a\nb", "a\tb", "a\x01", "\ud800"])
def test_names_that_no_log_can_have(name: str) -> None:
    assert code(new_key(name, b"\x00" * 32)) == "RB7116"


@given(st.text())
def test_other_texts_are_no_keys(text: str) -> None:
    for line in (text, f"{LOG}+{text}", str(KEY.public_key)[:-1] + text):
        found = read_public_key(line)
        assert str(found) == line.strip() if isinstance(found, PublicKey) else found.code == "RB7116"
        assert code(read_secret_key(line)) == "RB7116"


def test_damaged_and_mistaken_keys() -> None:
    public, secret = str(KEY.public_key), KEY.text()
    assert code(read_public_key(public.replace("production", "test"))) == "RB7116"
    assert code(read_secret_key(secret.replace("production", "test"))) == "RB7116"
    assert code(read_public_key(secret)) == "RB7116"
    assert code(read_secret_key(public)) == "RB7116"
    # The public key of another kind of signature.
    kind = b64encode(b"\x04" + KEY.public_key.public).decode()
    assert code(read_public_key(f"{LOG}+{KEY.public_key.id.hex()}+{kind}")) == "RB7116"
    with pytest.raises(ValueError, match="32 bytes"):
        new_key(LOG, b"short")


def test_a_key_that_is_no_point_of_the_curve_opens_nothing() -> None:
    key = PublicKey(LOG, b"\xff" * 32)
    text = NOTE.split("\n\n")[0]
    note = f"{text}\n\n\u2014 {LOG} {b64encode(key.id + bytes(64)).decode()}\n"
    assert code(open_note(note, [key])) == "RB7110"


def test_the_secret_is_not_shown() -> None:
    assert "seed" not in repr(KEY)
    assert KEY.text() not in f"{KEY} {KEY!r}"


def test_without_the_library_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *others: object, **named: object) -> object:
        if name.startswith("cryptography"):
            raise ImportError(name)
        return real(name, *others, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(builtins, "__import__", without)
    assert code(open_note(NOTE, [KEY.public_key])) == "RB7117"
    assert code(read_secret_key(KEY.text())) == "RB7117"
    # What needs no signature still answers.
    assert code(open_note("", [KEY.public_key])) == "RB7111"


@pytest.mark.parametrize(
    "checkpoint", [Checkpoint(LOG, -1, ROOT), Checkpoint(LOG, 1, b""), Checkpoint(LOG, 1, ROOT, ("",))]
)
def test_what_no_checkpoint_is_signed_of(checkpoint: Checkpoint) -> None:
    with pytest.raises(ValueError, match="checkpoint"):
        sign(checkpoint, KEY)
