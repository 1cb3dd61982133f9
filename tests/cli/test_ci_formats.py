"""The forms that CI servers read, from the real command."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

MACHINES = ("json", "sarif", "github", "junit")


@pytest.fixture
def broken(folder: Path) -> Path:
    """`shop.rates` with a mistake in its third line of meters, and a second ruleset that is sound."""
    text = (folder / "shop.rates").read_text(encoding="utf-8")
    (folder / "sound.rates").write_text(text, encoding="utf-8")
    (folder / "shop.rates").write_text(text.replace("sum of amount", "sum of amout"), encoding="utf-8")
    return folder


@pytest.mark.parametrize("form", MACHINES)
def test_exit_codes_do_not_depend_on_the_form(ratebook: Callable, broken: Path, form: str) -> None:
    assert ratebook("check", "sound.rates", "--format", form).code == 0
    assert ratebook("check", "shop.rates", "--format", form).code == 1
    assert ratebook("check", "nothing.rates", "--format", form).code == 2
    assert ratebook("check", "shop.rates", "nothing.rates", "--format", form).code == 2


@pytest.mark.parametrize("form", MACHINES)
def test_results_alone_go_to_standard_output(ratebook: Callable, broken: Path, form: str) -> None:
    ran = ratebook("check", ".", "--format", form)
    assert "2 files: 1 error, 0 warnings" in ran.err
    match form:
        case "junit":
            ElementTree.fromstring(ran.out.encode("utf-8"))
        case "github":
            assert all(line.startswith("::") for line in ran.out.splitlines())
        case _:
            json.loads(ran.out)


def test_check_as_sarif(ratebook: Callable, broken: Path) -> None:
    log = json.loads(ratebook("check", ".", "--format", "sarif").out)
    [result] = log["runs"][0]["results"]
    place = result["locations"][0]["physicalLocation"]
    assert (log["version"], result["ruleId"], result["level"]) == ("2.1.0", "RB2001", "error")
    assert place["artifactLocation"] == {"uri": "shop.rates", "uriBaseId": "%SRCROOT%"}
    assert place["region"] == {"startLine": 12, "startColumn": 21, "endLine": 12, "endColumn": 26}


def test_check_as_annotations(ratebook: Callable, broken: Path) -> None:
    [line] = ratebook("check", ".", "--format", "github").out.splitlines()
    assert line.startswith("::error file=shop.rates,line=12,col=21,endLine=12,endColumn=26,title=RB2001::")
    assert "%0Ahelp: did you mean `amount`?" in line
    assert ratebook("check", "sound.rates", "--format", "github").out == ""


def test_check_as_junit(ratebook: Callable, broken: Path) -> None:
    ran = ratebook("check", ".", "nothing.rates", "--format", "junit")
    [suite] = ElementTree.fromstring(ran.out.encode("utf-8"))
    assert (suite.attrib["tests"], suite.attrib["failures"], suite.attrib["errors"]) == ("3", "1", "1")
    cases = {case.attrib["name"]: case for case in suite}
    assert list(cases) == ["shop.rates", "sound.rates", "nothing.rates"]
    assert "RB2001" in (cases["shop.rates"].findtext("failure") or "")
    assert "RB9001" in (cases["nothing.rates"].findtext("error") or "")
    assert len(cases["sound.rates"]) == 0


def test_a_warning_fails_its_case_where_it_fails_the_command(ratebook: Callable, folder: Path) -> None:
    path = folder / "shop.rates"
    path.write_text(path.read_text(encoding="utf-8") + "\nmeter count_of_sales: count of sale\n", encoding="utf-8")
    passed = ratebook("check", ".", "--format", "junit")
    assert passed.code == 0 and "<failure" not in passed.out and "RB2210" in passed.out
    failed = ratebook("check", ".", "--format", "junit", "--fail-on", "warning")
    assert failed.code == 1 and "<failure" in failed.out


def test_a_file_that_two_import_is_reported_once(ratebook: Callable, folder: Path) -> None:
    text = (folder / "shop.rates").read_text(encoding="utf-8")
    whole = "meter sales: sum of amount of sale\n"
    (folder / "meters.rates").write_text(whole.replace("amount", "amout"), encoding="utf-8")
    for name in ("shop", "store"):
        importing = text.replace(whole, "").replace("\naccount:", '\nimport "meters.rates"\n\naccount:')
        (folder / f"{name}.rates").write_text(importing, encoding="utf-8")
    ran = ratebook("check", ".", "--format", "github")
    assert ran.out.count("file=meters.rates") == 1
    assert "3 files: 1 error" in ran.err


def test_what_is_not_decided_is_said_on_standard_error(ratebook: Callable, folder: Path) -> None:
    path = folder / "shop.rates"
    path.write_text(path.read_text(encoding="utf-8") + "\npromise margin on sales is at least 10%\n", encoding="utf-8")
    ran = ratebook("check", ".", "--format", "junit", "--require-proof")
    assert ran.code == 3 and "not decided" in ran.err and "not decided" not in ran.out
    ElementTree.fromstring(ran.out.encode("utf-8"))


def test_examples_as_junit(ratebook: Callable, folder: Path) -> None:
    path = folder / "shop.rates"
    passed = ratebook("test", ".", "--format", "junit")
    [suite] = ElementTree.fromstring(passed.out.encode("utf-8"))
    assert passed.code == 0
    assert [dict(case.attrib) for case in suite] == [
        {"name": "twenty sales", "classname": "shop.rates", "file": "shop.rates", "line": "24"}
    ]
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("expect sales €5.00", "expect sales €6.00"), encoding="utf-8")
    failed = ratebook("test", ".", "--format", "junit")
    [suite] = ElementTree.fromstring(failed.out.encode("utf-8"))
    assert failed.code == 1 and suite.attrib["failures"] == "1"
    failure = suite[0].find("failure")
    assert failure is not None and failure.attrib["type"] == "RB5001"
    assert "sales is 5.00 (-1.00)" in (failure.text or "")


def test_a_ruleset_whose_examples_cannot_run_is_an_error(ratebook: Callable, broken: Path) -> None:
    ran = ratebook("test", ".", "--format", "junit")
    [suite] = ElementTree.fromstring(ran.out.encode("utf-8"))
    assert ran.code == 1
    assert [(case.attrib["name"], case.attrib["classname"]) for case in suite] == [
        ("shop.rates", "ratebook.test"),
        ("twenty sales", "sound.rates"),
    ]
    assert "RB2001" in (suite[0].findtext("error") or "")
    assert ratebook("test", "nothing.rates", "--format", "junit").code == 2
