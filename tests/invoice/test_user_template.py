"""Users' templates: what they may say, hostile ones, and that limits of size and time really hold."""

from __future__ import annotations

import dataclasses
import time

import pytest

from ratebook.diagnostics import Source
from ratebook.engine.statement import Statement
from ratebook.invoice import (
    InvoiceOptions,
    InvoiceView,
    Parties,
    build_invoice,
    english,
    read_template,
    render_template,
)


@pytest.fixture
def view(full_statement: Statement, parties: Parties, sources: dict[str, Source]) -> InvoiceView:
    return build_invoice(full_statement, parties, InvoiceOptions(language=english()), sources)


@pytest.fixture
def long_view(view: InvoiceView) -> InvoiceView:
    """A view of two thousand groups."""
    return dataclasses.replace(view, groups=view.groups * 400)


def run(text: str, view: InvoiceView, name: str = "mine.txt") -> tuple[str | None, list[str]]:
    template, findings = read_template(Source(name, text))
    if template is None:
        return None, [finding.code for finding in findings]
    output, findings = render_template(template, view)
    return output, [finding.code for finding in findings]


def test_a_plain_template(view: InvoiceView) -> None:
    text = """{{ invoice.title|upper }} for {{ invoice.buyer.name }}
{% for group in invoice.groups %}
{{ loop.index }}. {{ group.label|truncate(20)|ljust(22) }}{{ (group.amount or group.lines[0].amount)|rjust(10) }}
{% for line in group.lines if line.by %}
   {{ line.by }}: {{ line.amount }}{% if not loop.last %},{% endif %}

{% endfor %}
{% endfor %}
{% set due = invoice.due %}
{{ words.due }}: {{ due }}
"""
    output, codes = run(text, view)
    assert codes == []
    assert output is not None
    assert output.startswith("DRAFT INVOICE for Example GmbH & Co. KG\n1. API requests")
    assert "   region us: 1,112.54,\n" in output
    assert output.endswith("Due: $5,900.00\n")


def test_html_is_escaped_by_the_files_name(view: InvoiceView) -> None:
    hostile = dataclasses.replace(view, note="<script>x</script>")
    assert run("{{ invoice.note }}", hostile, "a.html.j2")[0] == "&lt;script&gt;x&lt;/script&gt;"
    assert run("{{ invoice.note|e|upper }}", hostile, "a.html")[0] == "&amp;LT;SCRIPT&amp;GT;X&amp;LT;/SCRIPT&amp;GT;"
    assert run("{{ invoice.note }}", hostile, "a.txt")[0] == "<script>x</script>"


@pytest.mark.parametrize(
    "text",
    [
        "{{ range(10) }}",
        "{{ 'a' * 1000000000 }}",
        "{{ 2 ** 99999999 }}",
        "{{ invoice.total ~ invoice.due }}",
        "{{ 'a' + 'b' }}",
        "{{ '%1000000000d' % 1 }}",
        "{{ 1 // 1 }}",
        "{{ -1 }}",
        "{{ invoice.total.upper() }}",
        "{{ ''.__class__.__mro__ }}",
        "{{ invoice.__init__ }}",
        "{{ invoice._x }}",
        "{{ invoice['__class__'] }}",
        "{{ lipsum.__globals__ }}",
        "{{ cycler.__init__ }}",
        "{{ self.__init__ }}",
        "{% macro a() %}{% endmacro %}",
        "{% include 'x' %}",
        "{% import 'x' as y %}",
        "{% from 'x' import y %}",
        "{% extends 'x' %}",
        "{% block a %}{% endblock %}",
        "{% set x %}{{ invoice.due }}{% endset %}",
        "{% filter upper %}x{% endfilter %}",
        "{% call x() %}{% endcall %}",
        "{% with a = 1 %}{% endwith %}",
        "{% autoescape false %}{{ invoice.note }}{% endautoescape %}",
        "{% for x in invoice.groups recursive %}{% endfor %}",
        "{% set a = [a, a] %}",
        "{% set a = (invoice, invoice) %}",
        "{% set a, b = 1, 2 %}",
        "{{ {'a': 1} }}",
        "{{ invoice.note|safe }}",
        "{{ invoice.note|attr('x') }}",
        "{{ invoice.groups|map('upper') }}",
        "{{ invoice.note|_tick }}",
        "{{ invoice.note|upper(*invoice.bank) }}",
        "{{ invoice.note is callable }}",
        "{{ invoice.groups[invoice.groups] }}",
        "{{ invoice }}",
        "{{ invoice.groups }}",
        "{{ words.modes }}",
        "{{ 1.5 }}",
    ],
)
def test_what_templates_may_not_use(text: str, view: InvoiceView) -> None:
    output, codes = run("\n\n" + text, view)
    assert output is None
    assert codes and set(codes) <= {"RB6001", "RB6002", "RB6003"}, codes
    template, findings = read_template(Source("t", "\n\n" + text))
    if template is not None:
        findings = render_template(template, view)[1]
    assert findings[0].span is not None and findings[0].span.start >= 2


@pytest.mark.parametrize(
    "text",
    [
        "{{ nothing }}",
        "{{ invoice.totl }}",
        "{% if invoice.totl %}{% endif %}",
        "{% for x in invoice.totl %}{% endfor %}",
        "{{ invoice.note|replace('a', invoice.b) }}",
        "{{ []|first }}",
        "{{ range }}",
        "{% for line in invoice.groups %}{{ line.amuont }}{% endfor %}",
    ],
)
def test_undefined_names_are_errors(text: str, view: InvoiceView) -> None:
    output, codes = run(text, view)
    assert output is None and codes in (["RB6003"], ["RB6001"]), codes


@pytest.mark.parametrize(
    "text",
    [
        "{{",
        "{% for %}",
        "{% if %}",
        "{{ 'a",
        "{% endfor %}",
        "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}",
        "{{ " + "not " * 5000 + "1 }}",
        "{% if 1 %}" * 500 + "{% endif %}" * 500,
        "{{ " + "9" * 5000 + " }}",
        "{{ invoice.note|indent(1000000000) }}",
        "{{ invoice.note|center(99999999999) }}",
        "{{ invoice.note|truncate('x') }}",
        "{{ invoice.groups|upper }}",
        "{{ invoice.note|rjust }}",
        "{% for a in 7 %}{% endfor %}",
        "{{ invoice.note < invoice.groups }}",
        "{% break %}",
        "x" * 70_000,
        "{{ 1 " + "and 1 " * 9000 + "}}",
    ],
)
def test_broken_templates_are_findings(text: str, view: InvoiceView) -> None:
    output, codes = run(text, view)
    assert output is None and set(codes) <= {"RB6001", "RB6002"} and codes, codes


LOOPS = "{% for a in invoice.groups %}{% for b in invoice.groups %}{% for c in invoice.groups %}"
ENDS = "{% endfor %}{% endfor %}{% endfor %}"


@pytest.mark.parametrize(
    "text",
    [
        LOOPS + ENDS,
        LOOPS + "{{ c.amount }}" + ENDS,
        LOOPS + "{% set x = c.label|upper|lower|upper %}" + ENDS,
        "{% for a in invoice.groups %}{% for b in invoice.groups if b.label == a.id %}{% endfor %}{% endfor %}" * 20,
        LOOPS.replace("%}", "%}{% if a == invoice %}{% endif %}", 2) + ENDS,
        "{% set x = invoice.note %}" + "{% set x = x|replace('', 'xx') %}" * 60 + "{{ x }}",
        "{% set x = invoice.note %}" + "{% set x = x|replace('a', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaa') %}" * 60 + "{{ x }}",
        "{{ invoice.note|replace('', '" + "x" * 60_000 + "') }}",
        "{% for a in invoice.groups %}{{ '" + "y" * 60_000 + "' }}{% endfor %}",
        "{% for a in invoice.groups %}{{ invoice.note|ljust(500) }}{{ invoice.note|ljust(500) }}{% endfor %}",
        "{% set x = 'a'|ljust(500)|replace(' ', '"
        + "x" * 2000
        + "') %}"
        + LOOPS
        + "{% set y = x|upper|lower|upper|lower|upper|lower|title %}"
        + ENDS,
    ],
)
def test_limits_really_stop_a_template(text: str, long_view: InvoiceView) -> None:
    began = time.perf_counter()
    output, codes = run(text, long_view)
    took = time.perf_counter() - began
    assert output is None and codes == ["RB6004"], codes
    assert took < 1.5, took
