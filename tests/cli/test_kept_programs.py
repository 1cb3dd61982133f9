"""Kept programs: read again while nothing has changed, compiled anew whatever is wrong with them."""

from __future__ import annotations

import io
import json
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType

import pytest

from ratebook.commands import kept
from ratebook.commands.rating import load_program
from ratebook.engine.compiler import compile as compiling
from ratebook.engine.compiler.compile import Compiled
from ratebook.engine.plan import Program

TESTS = Path(__file__).parent.parent
RULESETS = sorted(
    path
    for path in (*(TESTS.parent / "rulesets").rglob("*.rates"), *(TESTS / "cases" / "worked").glob("*.rates"))
    if "\nruleset " in "\n" + path.read_text("utf-8")
)

HEAD = """import "prices.rates"

ruleset shop "Shop":
  currency USD
  time zone UTC
  round each line half even

event sale:
  count: number

meter sales: sum of count of sale
"""
PLAN = "plan basic from 2026-01-01:\n  charge sales:\n    at ${} each\n"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "ratebook"


@pytest.fixture
def ruleset(tmp_path: Path) -> Path:
    path = tmp_path / "shop.rates"
    path.write_text(HEAD, "utf-8")
    path.with_name("prices.rates").write_text(PLAN.format("0.10"), "utf-8")
    return path


def entry_in(cache: Path) -> Path:
    (entry,) = cache.glob("program-*.bin")
    return entry


def compiled_program(path: Path) -> Program:
    compiled = kept.compile_and_keep(path)
    assert isinstance(compiled, Compiled) and compiled.program is not None
    return compiled.program


def test_a_program_is_read_again_with_its_texts(ruleset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert kept.kept_program(ruleset) is None
    program, sources = load_program(str(ruleset))
    monkeypatch.setattr(compiling, "compile_ruleset", lambda *_, **__: pytest.fail("the kept program was not used"))
    assert load_program(str(ruleset)) == (program, sources)
    assert list(sources) == ["shop.rates", "prices.rates"]


@pytest.mark.parametrize("name", ["shop.rates", "prices.rates"])
def test_a_changed_text_gives_a_new_program(ruleset: Path, name: str) -> None:
    before = compiled_program(ruleset)
    file = ruleset.with_name(name)
    file.write_text(file.read_text("utf-8").replace("0.10", "0.20") + "# changed\n", "utf-8")
    assert kept.kept_program(ruleset) is None
    after, _ = load_program(str(ruleset))
    assert after.hash != before.hash
    found = kept.kept_program(ruleset)
    assert found is not None and found.program == after


def test_an_import_that_is_gone_is_reported_again(ruleset: Path) -> None:
    compiled_program(ruleset)
    ruleset.with_name("prices.rates").unlink()
    assert kept.kept_program(ruleset) is None
    with pytest.raises(SystemExit):
        load_program(str(ruleset))


def test_other_code_compiles_anew(ruleset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled_program(ruleset)
    assert kept.kept_program(ruleset) is not None
    monkeypatch.setattr(kept, "VERSION", "0.0.0")
    assert kept.kept_program(ruleset) is None


def _head(change: Callable[[dict[str, object]], object]) -> Callable[[bytes], bytes]:
    def damaged(data: bytes) -> bytes:
        head, _, rest = data.partition(b"\n")
        made = json.loads(head)
        change(made)
        return json.dumps(made).encode() + b"\n" + rest

    return damaged


@pytest.mark.parametrize(
    "damage",
    [
        lambda _: b"",
        lambda _: b"{}\n",
        lambda _: b"\xff\xfe\n\x00",
        lambda data: data[:-1],
        lambda data: data[:-9] + bytes([data[-9] ^ 1]) + data[-8:],
        _head(lambda made: made.pop("texts")),
        _head(lambda made: made.update(texts=[])),
        _head(lambda made: made.update(sources=["elsewhere.rates"])),
    ],
)
def test_a_damaged_one_is_compiled_anew(ruleset: Path, cache: Path, damage: Callable[[bytes], bytes]) -> None:
    program = compiled_program(ruleset)
    entry = entry_in(cache)
    entry.write_bytes(damage(entry.read_bytes()))
    assert kept.kept_program(ruleset) is None
    assert load_program(str(ruleset))[0] == program


def test_nothing_but_parts_of_a_program_is_made(ruleset: Path, cache: Path, tmp_path: Path) -> None:
    compiled_program(ruleset)
    entry = entry_in(cache)
    touched = tmp_path / "touched"

    class Call:
        def __reduce__(self) -> tuple[object, ...]:
            return Path.touch, (touched,)

    data = pickle.dumps(Call())
    made = _head(lambda made: made.update(data=kept._digest(data)))
    entry.write_bytes(made(entry.read_bytes()).partition(b"\n")[0] + b"\n" + data)
    assert kept.kept_program(ruleset) is None
    assert not touched.exists()


def test_a_file_that_others_may_write_is_not_trusted(ruleset: Path, cache: Path) -> None:
    compiled_program(ruleset)
    entry_in(cache).chmod(0o620)
    assert kept.kept_program(ruleset) is None


def test_only_the_newest_are_left(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "_ENTRIES_MAX", 2)
    paths = [tmp_path / f"shop{number}.rates" for number in range(4)]
    for path in paths:
        path.with_name("prices.rates").write_text(PLAN.format("0.10"), "utf-8")
        path.write_text(HEAD, "utf-8")
        compiled_program(path)
    assert [kept.kept_program(path) is not None for path in paths] == [False, False, True, True]
    assert len(list(cache.glob("program-*"))) == 2


def test_a_kept_program_needs_no_compiler(ruleset: Path, tmp_path: Path) -> None:
    """Importing the compiler takes longer than compiling most rulesets."""
    code = (
        "import pathlib, sys\n"
        "from ratebook.commands.rating import load_program\n"
        f"load_program({str(ruleset)!r})\n"
        "print(any(name.startswith('ratebook.engine.compiler') for name in sys.modules))\n"
    )
    said = [subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout for _ in range(2)]
    assert said == ["True\n", "False\n"]


def test_a_cache_that_cannot_be_written_is_done_without(ruleset: Path, cache: Path) -> None:
    cache.parent.write_text("")
    compiled_program(ruleset)
    assert kept.kept_program(ruleset) is None


@pytest.mark.parametrize("path", RULESETS, ids=lambda path: path.stem)
def test_every_program_comes_back_as_it_was(path: Path) -> None:
    compiled = kept.compile_and_keep(path)
    assert isinstance(compiled, Compiled)
    if compiled.program is None:
        return
    found = kept.kept_program(path)
    assert found is not None and found.sources == compiled.sources
    assert found.program == compiled.program
    assert repr(found.program) == repr(compiled.program)


def test_mappings_that_cannot_be_changed_stay_so() -> None:
    written = io.BytesIO()
    kept._Pickler(written).dump(MappingProxyType({"a": 1}))
    found = kept._Unpickler(io.BytesIO(written.getvalue())).load()
    assert found == {"a": 1} and isinstance(found, MappingProxyType)
