"""What the parser reads: the samples, soft keywords, money and quantities, full-width signs, and limits."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ratebook.diagnostics import Diagnostic, Source
from ratebook.grammar import syntax as s
from ratebook.grammar.parse import parse

SAMPLES = sorted((Path(__file__).parent.parent / "cases" / "samples").glob("*.rates"))


def read(text: str) -> s.Ruleset:
    tree, found = parse(Source("test.rates", text))
    assert found == ()
    return tree


def codes(text: str, **options: int) -> list[str]:
    return [finding.code for finding in findings(text, **options)]


def findings(text: str, **options: int) -> tuple[Diagnostic, ...]:
    return parse(Source("test.rates", text), **options)[1]


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_samples_parse_without_findings(path: Path) -> None:
    assert read(path.read_text(encoding="utf-8")).declarations


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_spans_lie_inside_their_parents(path: Path) -> None:
    tree = read(path.read_text(encoding="utf-8"))
    for node in s.walk(tree):
        assert 0 <= node.span.start <= node.span.end
        for child in s.children(node):
            if not isinstance(child, s.Comment):
                assert node.span.start <= child.span.start <= child.span.end <= node.span.end, (node, child)


def test_span_of_a_name_is_its_text() -> None:
    text = (Path(SAMPLES[0])).read_text(encoding="utf-8")
    for node in s.walk(read(text)):
        if isinstance(node, s.Name | s.EventName) and node.text.isidentifier() and node.span.start < node.span.end:
            assert text[node.span.start : node.span.end] == node.text


KEYWORDS = [
    "volume",
    "total",
    "order",
    "free",
    "first",
    "by",
    "per",
    "each",
    "next",
    "above",
    "below",
    "up",
    "to",
    "from",
    "before",
    "through",
    "for",
    "of",
    "in",
    "at",
    "is",
    "not",
    "and",
    "or",
    "charge",
    "fee",
    "plan",
    "meter",
    "event",
    "account",
    "unit",
    "minimum",
    "cap",
    "include",
    "when",
    "where",
    "count",
    "sum",
    "average",
    "latest",
    "level",
    "running",
    "time",
    "month",
    "day",
    "usage",
    "amount",
    "period",
    "rounded",
    "prorated",
    "graduated",
    "stairstep",
    "started",
    "steps",
    "once",
    "used",
    "refused",
    "price",
    "label",
    "because",
    "source",
    "default",
    "optional",
    "one",
    "yes",
    "no",
    "true",
    "false",
    "money",
    "text",
    "date",
    "number",
    "worth",
    "valid",
    "pays",
    "off",
    "during",
    "discount",
    "offer",
    "penalty",
    "tax",
    "most",
    "combine",
    "example",
    "expect",
    "error",
    "since",
    "card",
    "promise",
    "more",
    "never",
    "margin",
    "allow",
    "currency",
    "match",
    "pooled",
    "counted",
    "notable",
    "perunit",
    "非高峰",
    "until",
]


@pytest.mark.parametrize("word", KEYWORDS)
def test_every_keyword_names_a_meter_and_a_field(word: str) -> None:
    tree = read(
        f"event {word}:\n  {word}: number\n"
        f"event a.{word}:\n  {word}: text\n"
        f"meter {word}: count of {word}\n"
        f"meter other: unique {word} of a.{word}\n"
        f"unit {word}\n"
        f"plan {word}:\n"
        f"  charge {word}: at $5 per GB\n"
        f"  charge {word}:\n    at $5 per {word}\n"
        f"  charge x of {word}: free\n"
        f"  charge x by {word}, {word} graduated:\n    first 10 free\n    above free\n"
        f"  include 5 GB of {word}\n"
        f"discount {word}:\n  10% off {word}\n"
    )
    assert [type(declaration) for declaration in tree.declarations[:3]] == [
        s.EventDeclaration,
        s.EventDeclaration,
        s.Meter,
    ]
    names = {node.text for node in s.walk(tree) if isinstance(node, s.Name)}
    assert word in names


@pytest.mark.parametrize("word", ["volume", "count", "sum", "average", "level", "running", "time", "unique", "order"])
def test_fields_called_like_aggregations_are_summed(word: str) -> None:
    (meter,) = read(f"meter m: sum of {word} of e\n").declarations
    assert isinstance(meter, s.Meter)
    assert isinstance(meter.value, s.Name)
    assert meter.value.text == word
    assert meter.event.text == "e"


def test_keywords_do_not_bite_longer_words() -> None:
    (meter,) = read("meter m: count of e where notable\n").declarations
    assert isinstance(meter, s.Meter)
    assert isinstance(meter.where, s.Holds)
    plan = read("plan p:\n  charge c: at $5 per perunit\n").declarations[0]
    assert isinstance(plan, s.Plan)
    assert isinstance(plan.items[0], s.Charge)
    assert isinstance(plan.items[0].prices, s.AtPrice)
    assert plan.items[0].prices.rate.per_unit is not None
    assert plan.items[0].prices.rate.per_unit.text == "perunit"
    assert codes("plan p:\n  charge c: at $5 perunit\n") != []


def test_money_by_code() -> None:
    text = (
        "ruleset r:\n  currency USD\n"
        "plan p:\n"
        "  charge c of amount of x graduated:\n"
        "    first 100 USD at 0.40 USD per 1,000\n"
        "    next 10 GPU at 5 USD each\n"
        "    above free\n"
    )
    plan = read(text).declarations[1]
    money = [node.code for node in s.walk(plan) if isinstance(node, s.Money)]
    assert money == ["USD", "USD", "USD"]
    assert [node.unit.text for node in s.walk(plan) if isinstance(node, s.Quantity) and node.unit] == ["GPU"]


def test_negative_money_and_numbers() -> None:
    tree = read("plan p:\n  charge c: at -$0.5 per GB\n  charge d: at $-5 each\n  minimum -1,000.50 USD\n")
    assert [node.digits for node in s.walk(tree) if isinstance(node, s.Money)] == ["-0.5", "-5", "-1000.50"]


def test_full_width_signs_read_as_their_twins() -> None:
    wide = (
        "plan p　“”".replace("“”", "") + "＂甲＂：\n  charge c：at ￥１，０００ per GB\ndiscount d：\n  10％ off c，e\n"
    )
    narrow = 'plan p "甲":\n  charge c: at ¥1,000 per GB\ndiscount d:\n  10% off c, e\n'
    assert read(wide).declarations == read(narrow).declarations


def test_full_width_signs_stay_in_texts_and_comments() -> None:
    tree = read('unit u  # （注）：１\n  label zh "流量：（１）"\n')
    assert tree.comments[0].text == "# （注）：１"
    (label,) = (node for node in s.walk(tree) if isinstance(node, s.LocalLabel))
    assert label.text.text == "流量：（１）"


def test_hash_in_a_text_is_no_comment() -> None:
    tree = read('unit u\n  because "ticket #5"  # yes\n')
    assert [comment.text for comment in tree.comments] == ["# yes"]


def test_line_ends_and_byte_order_mark() -> None:
    lines = "unit a\nevent e:\n  f: text\n"
    assert read("\ufeff" + lines.replace("\n", "\r\n")).declarations == read(lines).declarations


def test_names_are_normalised() -> None:
    tree, found = parse(Source("t", "unit cafe\u0301\n"))
    assert [finding.code for finding in found] == ["RB1013"]
    assert isinstance(tree.declarations[0], s.UnitDeclaration)
    assert tree.declarations[0].name.text == "café"


def test_a_list_of_days_before_one_time_is_one_span() -> None:
    (window,) = read(
        "window w: mon, wed to fri 08:00 to 12:00, sat 09:00 to 10:00 except holidays of CN\n"
    ).declarations
    assert isinstance(window, s.WindowDeclaration)
    assert isinstance(window.expression, s.WindowDifference)
    whole = window.expression.whole
    assert isinstance(whole, s.WindowUnion)
    assert [part.ranges for part in whole.parts if isinstance(part, s.DaySpan)] == [((0, 0), (2, 4)), ((5, 5),)]


def test_days_before_and_are_refused_where_two_readings_are_possible() -> None:
    assert codes("window w: sat, sun and summer\n") == ["RB1001"]
    assert codes("window w: sat, sun 08:00 to 12:00 and summer\n") == []


def test_limits() -> None:
    assert codes("unit a\n" * 100, max_bytes=699) == ["RB1008"]
    assert codes("unit a\n" * 100, max_bytes=700) == []
    assert "RB1009" in codes("plan p:\n" + "".join("  " * depth + "charge a:\n" for depth in range(1, 60)))
    assert "RB1010" in codes(f"plan p:\n  minimum ${'1' * 39}\n")
    assert codes(f"plan p:\n  minimum ${'1' * 38}\n") == []
    nested = "(" * 41 + "account.vip" + ")" * 41
    assert codes(f"discount d:\n  1% off total\n  when {nested}\n") == ["RB1009"]
    assert codes(f"discount d:\n  1% off total\n  when {nested[1:-1]}\n") == []


@pytest.mark.parametrize(
    "text",
    [
        "\ud800",
        "unit \ud800\n",
        "\x00\x01",
        "(" * 5000,
        "plan p:\n" + " " * 5000 + "x\n",
        "unit " + "a" * 10_000,
        '"' * 999,
        "|" * 2000,
        "1" * 5000,
        "plan p:\n  charge c:\n    first " + "9" * 3000 + " free\n    above free\n",
        "window w: a" + " except b" * 5000,
        "meter m: count of e where " + "not " * 3000 + "x",
        "meter m: count of e where " + " and ".join("x" for _ in range(3000)),
        "plan p:\n  billed every 99999999999999999999999 months\n",
        "window w: feb 99999999999999999999\n",
        "\r\r\r",
        "a\x0bb",
        ": \n :\n",
        "# only a comment",
        "",
    ],
)
def test_no_text_raises(text: str) -> None:
    tree, _ = parse(Source("t", text))
    list(s.walk(tree))


def test_mistakes_stay_in_their_declaration() -> None:
    tree, found = parse(Source("t", "unit a\nmeter b: nonsense here\nplan p until:\n  billed monthly\nunit c\n"))
    assert [type(declaration) for declaration in tree.declarations] == [s.UnitDeclaration, s.UnitDeclaration]
    assert len(found) == 2


def test_healthy_lines_of_a_plan_are_kept() -> None:
    tree, found = parse(
        Source("t", "plan p:\n  billed monthly\n  nonsense\n  charge c frobnicate:\n    free\n  minimum $5\n")
    )
    assert len(found) == 2
    (plan,) = tree.declarations
    assert isinstance(plan, s.Plan)
    assert [type(item) for item in plan.items] == [s.Billing, s.PlanBound]


def test_a_long_ruleset_takes_no_more_steps_for_a_line() -> None:
    text = next(path for path in SAMPLES if path.stem == "workload").read_text(encoding="utf-8")
    read("unit warm\n")
    once, eight_times = calls_of_parsing(text), calls_of_parsing(text * 8)
    assert eight_times < 9 * once


def calls_of_parsing(text: str) -> int:
    """The calls of functions, Python's own among them, that parsing a text takes: no clock decides."""
    calls = 0

    def heard(_frame: object, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(heard)
    try:
        parse(Source("t", text), max_bytes=10**9)
    finally:
        sys.setprofile(None)
    return calls


def test_importing_the_grammar_imports_no_lark() -> None:
    code = "import sys, ratebook, ratebook.grammar, ratebook.grammar.format; print('lark' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
