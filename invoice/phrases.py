"""Stock phrases of price lists in other languages: `first 10 MB`, `$0.02 per MB`, `10% off`.

The ruleset's own words are quoted as they stand under "why"; here only the short phrases that label bands and rates
are turned. A phrase that no pattern knows stays as it was written.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

_MONEY: Final = r"(?P<money>-?(?:[^\w\s]{0,3}[\d,.]+(?: [A-Z]{3})?|[\d.,]+%))"

_CHINESE: Final[tuple[tuple[re.Pattern[str], str], ...]] = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"first (?P<width>[\d,.].*)", r"前 \g<width>"),
        (r"next (?P<width>[\d,.].*)", r"其后 \g<width>"),
        (r"above", r"超出部分"),
        (r"above (?P<width>[\d,.].*)", r"超过 \g<width> 的部分"),
        (r"up to (?P<width>[\d,.].*)", r"不超过 \g<width>"),
        (r"below (?P<width>[\d,.].*)", r"低于 \g<width>"),
        (r"free", r"免费"),
        (r"included", r"套餐内含"),
        (r"once", r"一次性"),
        (r"total", r"合计"),
        (r"sum before taxes", r"税前合计"),
        (r"what is left of its lines", r"相关项目的余额"),
        (r"charges and fees after policies", r"优惠后的费用"),
        (r"all that is left", r"全部余额"),
        (r"what is left to pay", r"待付余额"),
        (r"past the mark", r"超出界限的部分"),
        (r"as metered", r"按已计量的数量"),
        (r"account\.(?P<field>\S+)", r"账户的 \g<field>"),
        (
            r"include (?P<width>[\d,.].*) of (?P<meter>\S+) per (?P<count>\d+) months",
            r"\g<meter> 每 \g<count> 个月内含 \g<width>",
        ),
        (r"include (?P<width>[\d,.].*) of (?P<meter>\S+)", r"\g<meter> 内含 \g<width>"),
        (r"(?P<share>[\d.]+%) off (?P<lines>.+) during (?P<window>\S+)", r"\g<lines> 在 \g<window> 期间减 \g<share>"),
        (r"(?P<share>[\d.]+%) off (?P<lines>.+)", r"\g<lines> 减 \g<share>"),
        (r"what is left of its lines, for their share in (?P<window>\S+)", r"相关项目余额中属于 \g<window> 的份额"),
        (r"(?P<part>[\d,.]+) of (?P<whole>[\d,.]+) in (?P<window>\S+)", r"\g<whole> 中有 \g<part> 在 \g<window> 期间"),
        (r"left on the card bought on (?P<day>\S+)", r"\g<day> 购买的卡内余额"),
        (r"for (?P<money>\D{0,3}[\d,.]+)", r"一口价 \g<money>"),
        (rf"{_MONEY} each", r"每个 \g<money>"),
        (rf"{_MONEY} per started (?P<unit>.+)", r"每 \g<unit> \g<money>（不足一份按一份计）"),
        (rf"{_MONEY} per (?P<unit>.+) in steps of (?P<step>.+)", r"每 \g<unit> \g<money>（按 \g<step> 进位）"),
        (rf"{_MONEY} per month", r"每月 \g<money>"),
        (rf"{_MONEY} per (?P<count>[\d,]+) months", r"每 \g<count> 个月 \g<money>"),
        (rf"{_MONEY} per day", r"每天 \g<money>"),
        (rf"{_MONEY} per week", r"每周 \g<money>"),
        (rf"{_MONEY} per (?P<unit>.+) per month", r"每 \g<unit> 每月 \g<money>"),
        (rf"{_MONEY} per (?P<unit>.+)", r"每 \g<unit> \g<money>"),
        (r"(?P<share>[\d.]+%)", r"\g<share>"),
        (r"(?P<what>\w+) of (?P<field>\S+) over (?P<count>[\d,]+) events?", r"\g<count> 条记录中 \g<field> 的\g<what>"),
        (r"(?P<part>\d+) of (?P<whole>\d+) days?", r"\g<whole> 天中的 \g<part> 天"),
    )
)
_BETWEEN_CHINESE: Final = re.compile(r"(?<=[\u3400-\u9fff]) (?=[\u3400-\u9fff])")
_TRANSLATIONS: Final[Mapping[str, tuple[tuple[re.Pattern[str], str], ...]]] = {"zh": _CHINESE}
_AGGREGATIONS: Final[Mapping[str, str]] = {
    "sum": "总和",
    "count": "计数",
    "average": "平均值",
    "minimum": "最小值",
    "maximum": "最大值",
    "latest": "最新值",
}


def translated(text: str, language: str) -> str:
    """The phrase in a language, or as it is where the language has no pattern for it."""
    for pattern, replacement in _TRANSLATIONS.get(language, ()):
        found = pattern.fullmatch(text)
        if found is not None:
            turned = _BETWEEN_CHINESE.sub("", found.expand(replacement))
            what = found.groupdict().get("what")
            return turned if what is None else turned.replace(what, _AGGREGATIONS.get(what, what))
    return text
