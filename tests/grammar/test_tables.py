"""The tables: built without conflicts, kept in the cache, rebuilt when the cache is of no use."""

from __future__ import annotations

from pathlib import Path

import pytest

from ratebook.grammar import tables
from ratebook.grammar.builder import ACTIONS


@pytest.fixture(scope="module")
def built() -> tables.Tables:
    return tables.compute_tables(tables.grammar_text())


def test_the_grammar_has_no_conflict_and_every_rule_an_action(built: tables.Tables) -> None:
    assert {rule.action for rule in built.rules if rule.action} == set(ACTIONS)


def test_a_conflict_is_not_settled_silently() -> None:
    with pytest.raises(Exception, match="Shift/Reduce"):
        tables.compute_tables('declaration: a ["x"]\na: "y" | "y" "x"\nNAME: /y/\n')


def test_no_place_takes_one_word_for_two_keywords(built: tables.Tables) -> None:
    for state in built.states:
        for word, kinds in built.keywords.items():
            assert len([kind for kind in kinds if kind in state]) <= 1, word


def test_the_cache_is_written_and_read(built: tables.Tables, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    load = tables.load_tables.__wrapped__
    assert load() == built
    (file,) = (tmp_path / "ratebook").iterdir()
    monkeypatch.setattr(tables, "compute_tables", lambda _: pytest.fail("the cache was not used"))
    assert load() == built
    monkeypatch.setattr(tables, "compute_tables", lambda _: built)
    for broken in ("", "{}", "[", '{"token_pattern": 1}'):
        file.write_text(broken)
        assert load() == built
    file.unlink()


def test_a_cache_that_cannot_be_written_is_done_without(
    built: tables.Tables, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(blocked))
    assert tables.load_tables.__wrapped__() == built
