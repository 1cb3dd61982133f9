"""The parties file: every mistake at once, logos as data URIs, nothing fetched."""

from __future__ import annotations

import json
from pathlib import Path

from ratebook.invoice import parse_parties, read_parties
from ratebook.invoice.parties import LOGO_BYTES_MAX

PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 10


def test_parties_are_read(tmp_path: Path) -> None:
    (tmp_path / "logo.png").write_bytes(PNG)
    path = tmp_path / "parties.json"
    path.write_text(
        json.dumps(
            {
                "seller": {"name": "Acme", "address": ["1 Market Street", ""], "tax_id": "US 1"},
                "buyer": {"name": "Everyone"},
                "buyers": {"a-1": {"name": "极光科技", "email": "x@y.example"}},
                "logo": "logo.png",
                "payment": {"terms": "14 days", "bank": ["IBAN"]},
                "note": "Thanks",
            }
        ),
        encoding="utf-8",
    )
    parties, findings = read_parties(path)
    assert parties is not None and not findings
    assert parties.logo.startswith("data:image/png;base64,")
    assert parties.seller is not None and parties.seller.address == ("1 Market Street",)
    one, other = parties.buyer_of("a-1"), parties.buyer_of("a-9")
    assert one is not None and one.name == "极光科技"
    assert other is not None and other.name == "Everyone"


def test_every_mistake_is_reported_at_once(tmp_path: Path) -> None:
    raw = (
        b'{"seller": {"nam": "x", "address": "street"}, "buyers": {"a": {"name": 1}}, "logo": "http://x/y.png", "b": 2}'
    )
    parties, findings = parse_parties(raw, name="parties.json", folder=tmp_path)
    assert parties is None
    assert {finding.code for finding in findings} == {"RB6005"}
    places = [finding.place for finding in findings]
    for place in ("logo", "seller.name", "seller.nam", "seller.address", "buyers.a.name", "b"):
        assert f"parties.json, {place}" in places


def test_logos_that_are_refused(tmp_path: Path) -> None:
    (tmp_path / "big.png").write_bytes(PNG + b"0" * LOGO_BYTES_MAX)
    (tmp_path / "text.png").write_text("hello")
    for logo in (
        "big.png",
        "text.png",
        "none.png",
        "ftp://x/y",
        "data:text/html,x",
        "a\x00b",
        "javascript:alert(1)",
        7,
        ".",
    ):
        parties, findings = parse_parties(json.dumps({"logo": logo}).encode(), name="p", folder=tmp_path)
        assert parties is None and [finding.code for finding in findings] == ["RB6005"], logo
    for logo in ("https://acme.example/logo.png", "data:image/png;base64,AAAA"):
        parties, findings = parse_parties(json.dumps({"logo": logo}).encode(), name="p", folder=tmp_path)
        assert parties is not None and parties.logo == logo


def test_files_that_are_no_json(tmp_path: Path) -> None:
    for raw in (
        b"",
        b"{",
        b"\xff\xfe",
        b"[]",
        b"1",
        b"null",
        b'{"note": NaN}',
        b'{"note": "a", "note": "b"}',
        b"[" * 100_000,
    ):
        parties, findings = parse_parties(raw, name="p", folder=tmp_path)
        assert parties is None and {finding.code for finding in findings} == {"RB6005"}, raw[:20]
    assert read_parties(tmp_path / "none.json")[1][0].code == "RB6005"
