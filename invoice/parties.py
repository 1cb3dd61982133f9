"""Who sends a document and who receives it, read from the JSON file of `--parties`.

Every mistake of the file is reported at once as RB6005. A logo is a file beside it, put into the document as a data
URI, or an address that is written as it is and never fetched.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ..diagnostics import Diagnostic
from .columns import printable

if TYPE_CHECKING:
    from pydantic import BaseModel

LOGO_BYTES_MAX: Final = 512 * 1024
PARTIES_BYTES_MAX: Final = 16 * 1024 * 1024

_IMAGE_STARTS: Final = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
)


@dataclass(frozen=True, slots=True)
class Party:
    """A seller or a buyer."""

    name: str
    address: tuple[str, ...] = ()
    tax_id: str = ""
    email: str = ""
    phone: str = ""


@dataclass(frozen=True, slots=True)
class Parties:
    """The parties of documents; an account without a buyer of its own has the `buyer` of all."""

    seller: Party | None = None
    buyer: Party | None = None
    buyers: Mapping[str, Party] = field(default_factory=dict)
    logo: str = ""
    terms: str = ""
    bank: tuple[str, ...] = ()
    note: str = ""

    def buyer_of(self, account: str) -> Party | None:
        """Who pays for an account."""
        return self.buyers.get(account, self.buyer)


NO_PARTIES: Final = Parties()


def read_parties(path: Path) -> tuple[Parties | None, tuple[Diagnostic, ...]]:
    """The parties of a file, or every mistake in it."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        return None, (_finding(f"the file cannot be read: {error.strerror or error}", str(path)),)
    if len(raw) > PARTIES_BYTES_MAX:
        return None, (_finding("the file is larger than 16 MiB", str(path)),)
    return parse_parties(raw, name=str(path), folder=path.parent)


def parse_parties(raw: bytes, *, name: str, folder: Path) -> tuple[Parties | None, tuple[Diagnostic, ...]]:
    """The parties of a JSON text; `folder` is where a logo's relative path starts."""
    try:
        data = json.loads(raw.decode("utf-8-sig"), object_pairs_hook=_object, parse_constant=_refused)
    except UnicodeDecodeError:
        return None, (_finding("the file is not UTF-8", name),)
    except json.JSONDecodeError as error:
        return None, (_finding(f"the file is not JSON: {error.msg}", f"{name}:{error.lineno}"),)
    except (ValueError, RecursionError) as error:
        return None, (_finding(f"the file is not JSON: {error}", name),)
    from pydantic import ValidationError

    findings: list[Diagnostic] = []
    logo = ""
    if isinstance(data, dict) and isinstance(data.get("logo"), str):
        found = _logo(data["logo"], folder)
        if isinstance(found, Diagnostic):
            findings.append(_finding(found.message, f"{name}, logo"))
        else:
            logo = found
    parties: Parties | None = None
    try:
        parties = _parties(_schema().model_validate(data), logo)
    except ValidationError as error:
        findings.extend(
            _finding(_sentence(item), f"{name}, {_path(item['loc'])}" if item["loc"] else name)
            for item in error.errors(include_url=False, include_context=True)
        )
    return (None, tuple(findings)) if findings else (parties, ())


def _schema() -> type[BaseModel]:
    from pydantic import BaseModel, ConfigDict, Field

    class Strict(BaseModel):
        model_config = ConfigDict(extra="forbid", strict=True, str_max_length=2000)

    class PartyModel(Strict):
        name: str = Field(min_length=1)
        address: list[str] = Field(default=[], max_length=12)
        tax_id: str = ""
        email: str = ""
        phone: str = ""

    class PaymentModel(Strict):
        terms: str = ""
        bank: list[str] = Field(default=[], max_length=12)

    class PartiesModel(Strict):
        seller: PartyModel | None = None
        buyer: PartyModel | None = None
        buyers: dict[str, PartyModel] = Field(default={})
        # A data URI may be long; `_logo` limits it further.
        logo: str | None = Field(default=None, max_length=4 * LOGO_BYTES_MAX)
        payment: PaymentModel = PaymentModel()
        note: str = ""

    return PartiesModel


def _parties(model: Any, logo: str) -> Parties:
    def party(found: Any) -> Party:
        return Party(
            printable(found.name),
            _lines(found.address),
            printable(found.tax_id),
            printable(found.email),
            printable(found.phone),
        )

    return Parties(
        seller=None if model.seller is None else party(model.seller),
        buyer=None if model.buyer is None else party(model.buyer),
        buyers={account: party(found) for account, found in model.buyers.items()},
        logo=logo,
        terms=printable(model.payment.terms),
        bank=_lines(model.payment.bank),
        note=printable(model.note),
    )


def _lines(lines: Iterable[str]) -> tuple[str, ...]:
    return tuple(line for line in map(printable, lines) if line)


def _logo(logo: str, folder: Path) -> str | Diagnostic:
    """What the logo's image element points to."""
    if logo.startswith("https://"):
        return logo if printable(logo) == logo and " " not in logo else _finding("the address has blanks in it", "")
    if logo.startswith("data:"):
        if not logo.startswith("data:image/"):
            return _finding("a data URI of a logo is an image", "")
        return logo if len(logo) <= 2 * LOGO_BYTES_MAX else _finding("the logo is larger than 512 KiB", "")
    if "://" in logo:
        return _finding("a logo is a file, or an address that begins with https://", "")
    try:
        with (folder / logo).open("rb") as file:
            content = file.read(LOGO_BYTES_MAX + 1)
    except (OSError, ValueError) as error:
        return _finding(f"the logo `{printable(logo)}` cannot be read: {getattr(error, 'strerror', None) or error}", "")
    if len(content) > LOGO_BYTES_MAX:
        return _finding("the logo is larger than 512 KiB", "")
    kind = _image_kind(content)
    if kind is None:
        return _finding("the logo is none of PNG, JPEG, GIF, WebP and SVG", "")
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


def _image_kind(content: bytes) -> str | None:
    for start, kind in _IMAGE_STARTS:
        if content.startswith(start):
            return kind
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    # An image element runs no scripts of an SVG.
    return "image/svg+xml" if b"<svg" in content[:4096] else None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"`{printable(twice)}` stands twice in one object")
    return found


def _refused(constant: str) -> Any:
    raise ValueError(f"{constant} is not a value of JSON")


_SENTENCES: Final = {
    "missing": "the value is missing",
    "extra_forbidden": "no such field",
    "string_type": "the value is not a text",
    "list_type": "the value is not a list",
    "dict_type": "the value is not an object",
    "model_type": "the value is not an object",
    "model_attributes_type": "the value is not an object",
    "string_too_short": "the text is empty",
    "string_too_long": "the text is longer than 2,000 characters",
    "too_long": "the list has more than 12 lines",
}


def _sentence(item: Any) -> str:
    return _SENTENCES.get(item["type"], printable(item["msg"]))


def _path(location: tuple[int | str, ...]) -> str:
    return ".".join(printable(str(part)) for part in location)


def _finding(message: str, place: str) -> Diagnostic:
    return Diagnostic("RB6005", message, place=place)
