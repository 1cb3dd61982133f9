"""A disk that loses what was not synced: a trace of the recorder, and the states that a power cut may leave.

A sync of a file makes its content durable, a sync of the folder makes names durable. Everything else since then may
have reached the disk or not, in any order: each sector that a write touched by itself, each truncation, each name. A
sector may be torn: its beginning is new and its rest old, or bytes that nobody wrote. What a write did not touch stays,
also within a sector, as SQLite expects of a disk by default.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

HEAD = struct.Struct("<IIqQ")
OPEN, WRITE, TRUNCATE, SYNC, SYNC_FOLDER, UNLINK, CREATE = range(1, 8)
JOURNAL = "journal"


@dataclass(frozen=True, slots=True)
class Op:
    """A record of a trace. `offset` is the size for a truncation, -1 for a write at the end."""

    kind: int
    offset: int
    inode: int
    content: bytes


def read_trace(content: bytes) -> list[Op]:
    """The operations of a trace in their order."""
    ops = []
    place = 0
    while place < len(content):
        kind, length, offset, inode = HEAD.unpack_from(content, place)
        place += HEAD.size
        ops.append(Op(kind, offset, inode, content[place : place + length]))
        place += length
    return ops


@dataclass(slots=True)
class File:
    """What is durable of a file, its changes since in their order, and its size as programs see it."""

    durable: bytearray = field(default_factory=bytearray)
    pending: list[tuple[int, bytes | None]] = field(default_factory=list)
    """Writes with their offsets, and truncations (no bytes) with their sizes."""
    size: int = 0

    def write(self, offset: int, content: bytes) -> None:
        self.pending.append((offset, content))
        self.size = max(self.size, offset + len(content))

    def truncate(self, size: int) -> None:
        self.pending.append((size, None))
        self.size = size

    def sync(self) -> None:
        for offset, content in self.pending:
            _apply(self.durable, offset, content)
        self.pending.clear()

    def as_seen(self) -> bytearray:
        """The content as programs see it."""
        content = bytearray(self.durable)
        for offset, piece in self.pending:
            _apply(content, offset, piece)
        return content


@dataclass(slots=True)
class Disk:
    """The files of one folder."""

    files: dict[int, File] = field(default_factory=dict)
    names: dict[str, File] = field(default_factory=dict)
    """As they are durable."""
    pending: dict[str, list[File | None]] = field(default_factory=dict)
    """What each name came to mean since, None where it was deleted."""
    journal: bytearray = field(default_factory=bytearray)
    """What was told outside: never lost."""
    _journal_inode: int = 0

    @classmethod
    def holding(cls, contents: dict[str, bytes]) -> Disk:
        """A disk on which these files are durable."""
        return cls(names={name: File(bytearray(content), size=len(content)) for name, content in contents.items()})

    def take(self, op: Op) -> None:
        """Let an operation happen."""
        if op.kind in (CREATE, OPEN) and op.content.decode() == JOURNAL:
            self._journal_inode = op.inode
        elif op.inode == self._journal_inode and op.kind == WRITE:
            self.journal += op.content
        elif op.kind == CREATE:
            self.files[op.inode] = made = File()
            self.pending.setdefault(op.content.decode(), []).append(made)
        elif op.kind == OPEN:
            self.files.setdefault(op.inode, self.now(op.content.decode()))
        elif op.kind == WRITE:
            file = self.files[op.inode]
            file.write(file.size if op.offset < 0 else op.offset, op.content)
        elif op.kind == TRUNCATE:
            self.files[op.inode].truncate(op.offset)
        elif op.kind == SYNC:
            self.files[op.inode].sync()
        elif op.kind == SYNC_FOLDER:
            for name, meanings in self.pending.items():
                self._mean(self.names, name, meanings[-1])
            self.pending.clear()
        elif op.kind == UNLINK:
            self.pending.setdefault(op.content.decode(), []).append(None)

    def now(self, name: str) -> File:
        """The file that programs see under a name."""
        found = self.pending[name][-1] if name in self.pending else self.names[name]
        assert found is not None
        return found

    def as_seen(self) -> dict[str, bytes]:
        """The files as programs see them while the power is on."""
        names = dict(self.names)
        for name, meanings in self.pending.items():
            self._mean(names, name, meanings[-1])
        return {name: bytes(file.as_seen()) for name, file in names.items()}

    def after_cut(self, chance: random.Random) -> dict[str, bytes]:
        """Files that the disk may hold when the power comes back."""
        names = dict(self.names)
        for name, meanings in self.pending.items():
            reached = chance.randint(0, len(meanings))
            if reached:
                self._mean(names, name, meanings[reached - 1])
        sector = chance.choice((512, 4096))
        fate = chance.choice(("none", "all", "first", "any", "any", "torn", "torn"))
        share = chance.choice((0.1, 0.5, 0.9, 0.98))
        return {name: bytes(_left(file, chance, sector, fate, share)) for name, file in names.items()}

    @staticmethod
    def _mean(names: dict[str, File], name: str, file: File | None) -> None:
        if file is None:
            names.pop(name, None)
        else:
            names[name] = file


def _left(file: File, chance: random.Random, sector: int, fate: str, share: float) -> bytearray:
    content = bytearray(file.durable)
    if fate == "none" or not file.pending:
        return content
    pieces = list(_sectors(file.pending, sector))
    if fate == "first":
        pieces = pieces[: chance.randint(0, len(pieces))]
    for offset, piece in pieces:
        if fate in ("all", "first") or chance.random() < share:
            _apply(content, offset, piece)
        elif fate == "torn" and piece and chance.random() < 0.5:
            new = chance.randrange(len(piece))
            rest = chance.randbytes(len(piece) - new) if chance.random() < 0.5 else b""
            _apply(content, offset, piece[:new] + rest)
    # The size is kept apart from the content: a sector that was lost before the end reads as zeros, and one at the
    # end may leave zeros or nothing.
    if len(content) < file.size and chance.random() < 0.5:
        content.extend(bytes(file.size - len(content)))
    return content


def _sectors(changes: list[tuple[int, bytes | None]], sector: int) -> Iterator[tuple[int, bytes | None]]:
    for offset, content in changes:
        if content is None:
            yield offset, None
            continue
        place = 0
        while place < len(content):
            end = min(len(content), (offset + place) // sector * sector + sector - offset)
            yield offset + place, content[place:end]
            place = end


def _apply(content: bytearray, offset: int, piece: bytes | None) -> None:
    if piece is None:
        if len(content) > offset:
            del content[offset:]
        else:
            content.extend(bytes(offset - len(content)))
        return
    if not piece:
        return
    if len(content) < offset:
        content.extend(bytes(offset - len(content)))
    content[offset : offset + len(piece)] = piece
