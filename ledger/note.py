"""Checkpoints of the log as signed notes, in the forms C2SP signed-note and tlog-checkpoint, with Ed25519.

    ledger.example.com/production
    20852163
    CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

    — ledger.example.com/production Az3grlgt…

The text says whose log it is, how many rows it has and the root of their tree; the line below the empty line is the
signature. A key is two lines of text: a secret one that signs, and a public one that auditors keep. Whose name it has
is whose log it signs. Where keys are kept, and where randomness comes from, is the caller's matter.

Signatures need the library `cryptography`, which is imported when the first is made or checked.
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from ..diagnostics.diagnostic import Diagnostic
from .merkle import HASH_LENGTH

SEED_LENGTH = 32
"""Bytes of what a key is made from, and of either key."""

_ED25519 = b"\x01"
_ID_LENGTH = 4
_SIGNATURES_MAX = 100
_NAMES = "take a name without spaces and plus signs, such as ledger.example.com/production"
_SECRET = "PRIVATE+KEY+"
_SIZE = re.compile(r"0|[1-9][0-9]{0,37}", re.ASCII)
_ID = re.compile(r"[0-9a-f]{8}", re.ASCII)
_LINE = re.compile(r"— ([^ ]+) ([^ ]+)")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a signature covers: whose log, the number of its rows, and the root of their tree.

    `extension` are further lines, which Ratebook reads and does not write.
    """

    origin: str
    size: int
    root: bytes
    extension: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PublicKey:
    """What a signature is checked with; `name` is the log's."""

    name: str
    public: bytes

    @property
    def id(self) -> bytes:
        """The four bytes by which a signature names its key."""
        return sha256(self.name.encode() + b"\n" + _ED25519 + self.public).digest()[:_ID_LENGTH]

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{to_base64(_ED25519 + self.public)}"


@dataclass(frozen=True, slots=True)
class SecretKey:
    """What signs; its text is the secret, and its representation does not show it."""

    name: str
    seed: bytes = field(repr=False)
    public_key: PublicKey

    def text(self) -> str:
        """The line to keep in a file that nobody else can read."""
        return f"{_SECRET}{self.name}+{self.public_key.id.hex()}+{to_base64(_ED25519 + self.seed)}"


def new_key(name: str, seed: bytes) -> SecretKey | Diagnostic:
    """The key of the log `name`, from 32 random bytes; RB7116 for a name that no key can have."""
    if len(seed) != SEED_LENGTH:
        raise ValueError(f"a key is made of {SEED_LENGTH} bytes, not {len(seed)}")
    if not _is_name(name):
        return Diagnostic("RB7116", f"{name!r} cannot name a log", hints=(_NAMES,))
    if (missing := missing_library()) is not None:
        return missing
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    public = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
    return SecretKey(name, seed, PublicKey(name, public))


def read_secret_key(text: str) -> SecretKey | Diagnostic:
    """The key of a line that `SecretKey.text` wrote, white space around it left out."""
    text = text.strip()
    parts = _key_parts(text.removeprefix(_SECRET)) if text.startswith(_SECRET) else None
    if parts is None:
        return Diagnostic("RB7116", "the text is not a key that signs", hints=(f"such a key begins with {_SECRET}",))
    name, id_, seed = parts
    key = new_key(name, seed)
    if isinstance(key, SecretKey) and key.public_key.id != id_:
        return Diagnostic("RB7116", f"the key of {name} is damaged: its parts do not fit each other")
    return key


def read_public_key(text: str) -> PublicKey | Diagnostic:
    """The key of a line that `PublicKey` is written as, white space around it left out."""
    text = text.strip()
    if text.startswith(_SECRET):
        return Diagnostic(
            "RB7116",
            "this is a key that signs, where a public key is wanted",
            hints=("whoever has seen it can sign; make a new one if it was given away",),
        )
    parts = _key_parts(text)
    if parts is None:
        return Diagnostic("RB7116", "the text is not a public key", hints=("a public key is NAME+ID+KEY, in one line",))
    key = PublicKey(parts[0], parts[2])
    if key.id != parts[1]:
        return Diagnostic("RB7116", f"the key of {key.name} is damaged: its parts do not fit each other")
    return key


def sign(checkpoint: Checkpoint, key: SecretKey) -> str:
    """The checkpoint as a signed note. It is of the log that the key names; another origin is a ValueError."""
    if checkpoint.origin != key.name:
        raise ValueError(f"the key of {key.name} does not sign for {checkpoint.origin}")
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    text = checkpoint_text(checkpoint)
    signature = Ed25519PrivateKey.from_private_bytes(key.seed).sign(text.encode())
    return f"{text}\n— {key.name} {to_base64(key.public_key.id + signature)}\n"


def checkpoint_text(checkpoint: Checkpoint) -> str:
    """The text that is signed."""
    if checkpoint.size < 0 or len(checkpoint.root) != HASH_LENGTH:
        raise ValueError("a checkpoint has a size from 0 and a root of 32 bytes")
    lines = (checkpoint.origin, str(checkpoint.size), to_base64(checkpoint.root), *checkpoint.extension)
    if any(not line or _has_controls(line) for line in lines):
        raise ValueError("a line of a checkpoint is neither empty nor has it control characters")
    return "".join(f"{line}\n" for line in lines)


def open_note(note: str, keys: Sequence[PublicKey]) -> Checkpoint | Diagnostic:
    """The checkpoint that one of the keys signed.

    RB7111 for a text that is no note with a checkpoint, RB7112 where it is of a log that no key names, RB7110 where no
    signature is of a key, or one that says so does not fit the text. Signatures of others (witnesses) are passed over.
    """
    parsed = _parse(note)
    if isinstance(parsed, str):
        return Diagnostic("RB7111", f"this is no signed checkpoint: {parsed}")
    checkpoint, signatures = parsed
    if not any(key.name == checkpoint.origin for key in keys):
        return Diagnostic(
            "RB7112",
            f"the checkpoint is of the log {checkpoint.origin!r}",
            notes=tuple(f"the key is of the log {name!r}" for name in sorted({key.name for key in keys})),
        )
    if (missing := missing_library()) is not None:
        return missing
    text = checkpoint_text(checkpoint).encode()
    known = {(key.name, key.id): key for key in keys if key.name == checkpoint.origin}
    signed = False
    for name, id_, signature in signatures:
        if (key := known.get((name, id_))) is None:
            continue
        if not _fits(key, signature, text):
            return Diagnostic("RB7110", f"the signature of {key.name} does not fit the checkpoint of {checkpoint.size}")
        signed = True
    if not signed:
        return Diagnostic(
            "RB7110",
            f"no key signed the checkpoint of {checkpoint.size} rows",
            notes=tuple(f"signed by {name} with key {id_.hex()}" for name, id_, _ in signatures[:3]),
            hints=("give every key that the log has had, earlier ones too",),
        )
    return checkpoint


def missing_library() -> Diagnostic | None:
    """RB7117 where signatures can be neither made nor checked."""
    try:
        import cryptography.hazmat.primitives.asymmetric.ed25519  # noqa: F401
    except ImportError:
        return Diagnostic(
            "RB7117", "signatures need the library cryptography", hints=('pip install "ratebook[ledger]"',)
        )
    return None


Signature = tuple[str, bytes, bytes]
"""The name of a key, its id, and what it signed with."""


def _parse(note: str) -> tuple[Checkpoint, list[Signature]] | str:
    """The checkpoint and the signatures of a note, or what is wrong with it."""
    try:
        note.encode()
    except UnicodeEncodeError:
        return "it is not UTF-8"
    text, separator, below = note.rpartition("\n\n")
    if not separator or not below.endswith("\n"):
        return "it has no empty line with signatures below, each ending its line"
    if any(_has_controls(line) for line in note.split("\n")):
        return "it has control characters"
    written = below[:-1].split("\n")
    if len(written) > _SIGNATURES_MAX:
        return f"it has more than {_SIGNATURES_MAX} signatures"
    lines = text.split("\n")
    if len(lines) < 3 or not all(lines):
        return "its text is not an origin, a size and a root, each in its line"
    origin, size, encoded, *extension = lines
    root = from_base64(encoded)
    if not _SIZE.fullmatch(size):
        return f"{size!r} is no number of rows"
    if root is None or len(root) != HASH_LENGTH:
        return f"{encoded!r} is no root"
    signatures = [_signature(line) for line in written]
    if None in signatures:
        return f"{written[signatures.index(None)]!r} is no signature"
    return Checkpoint(origin, int(size), root, tuple(extension)), [one for one in signatures if one is not None]


def _signature(line: str) -> Signature | None:
    found = _LINE.fullmatch(line)
    data = from_base64(found[2]) if found else None
    if found is None or data is None or len(data) <= _ID_LENGTH or not _is_name(found[1]):
        return None
    return found[1], data[:_ID_LENGTH], data[_ID_LENGTH:]


def _fits(key: PublicKey, signature: bytes, text: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        Ed25519PublicKey.from_public_bytes(key.public).verify(signature, text)
    except (InvalidSignature, ValueError):  # ValueError: the bytes of the key are no point of the curve
        return False
    return True


def _key_parts(text: str) -> tuple[str, bytes, bytes] | None:
    """Name, id and 32 bytes of a key's text."""
    name, _, rest = text.partition("+")
    id_, _, encoded = rest.partition("+")
    data = from_base64(encoded)
    if not _is_name(name) or not _ID.fullmatch(id_) or data is None:
        return None
    if data[:1] != _ED25519 or len(data) != 1 + SEED_LENGTH:
        return None
    return name, bytes.fromhex(id_), data[1:]


def _is_name(name: str) -> bool:
    """Whether a key may be called so; half a surrogate pair is no text."""
    return (
        bool(name)
        and not any(sign == "+" or sign.isspace() or "\ud800" <= sign <= "\udfff" for sign in name)
        and (not _has_controls(name))
    )


def _has_controls(line: str) -> bool:
    return any(sign < " " for sign in line)


def to_base64(data: bytes) -> str:
    """Bytes as text, in the alphabet of RFC 4648 section 4 with padding."""
    return b64encode(data).decode()


def from_base64(text: str) -> bytes | None:
    """The bytes; None for what is not the one text of some bytes."""
    try:
        data = b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return data if to_base64(data) == text else None
