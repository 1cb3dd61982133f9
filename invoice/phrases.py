"""Stock phrases of price lists in other languages: `first 10 MB`, `$0.02 per MB`, `10% off`.

The ruleset's own words are quoted as they stand under "why"; here only the short phrases that label bands and rates
are turned, and what explanations say about rules. A phrase that no pattern knows stays as it was written.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

_MONEY: Final = r"(?P<money>-?(?:[^\w\s]{0,3}[\d,.]+(?: [A-Z]{3})?|[\d.,]+%))"

# What explanations say in whole sentences; asked before the phrases, which are shorter.
_CHINESE_SENTENCES: Final[tuple[tuple[re.Pattern[str], str], ...]] = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        # Conditions that held, and reasons why a rule did nothing.
        (r"(?P<what>.+) \(it is (?P<have>.*)\)", r"\g<what>（实际为 \g<have>）"),
        (r"it needs (?P<what>.+), and it is not known", r"需要 \g<what>，而该值未知"),
        (r"it needs (?P<what>.+), and it is known", r"需要 \g<what>，而该值已知"),
        (
            r"it needs (?P<what>.+), and it is (?P<have>\S*) \((?P<gap>\S+) short\)",
            r"需要 \g<what>，实际为 \g<have>（还差 \g<gap>）",
        ),
        (
            r"it needs (?P<what>.+), and it is (?P<have>\S*) \((?P<gap>\S+) too many\)",
            r"需要 \g<what>，实际为 \g<have>（多出 \g<gap>）",
        ),
        (
            r"it needs (?P<what>.+), and it is (?P<have>\S*) \(it must be more than (?P<mark>\S+)\)",
            r"需要 \g<what>，实际为 \g<have>（必须大于 \g<mark>）",
        ),
        (
            r"it needs (?P<what>.+), and it is (?P<have>\S*) \(it must be less than (?P<mark>\S+)\)",
            r"需要 \g<what>，实际为 \g<have>（必须小于 \g<mark>）",
        ),
        (r"it needs (?P<what>.+), and it is (?P<have>.*)", r"需要 \g<what>，实际为 \g<have>"),
        (r"it needs (?P<what>.+)", r"需要 \g<what>"),
        (r"it holds for periods that begin on (?P<day>\S+) or later", r"适用于 \g<day> 或之后开始的账期"),
        (r"it holds for periods that begin before (?P<day>\S+)", r"适用于 \g<day> 之前开始的账期"),
        (r"it comes to nothing", r"计算结果为零"),
        (r"there is nothing that it applies to", r"没有可适用的项目"),
        (r"there is nothing to take it from", r"没有可扣减的金额"),
        (r"another takes more from every line", r"另一项优惠在每个项目上都减得更多"),
        (
            r"the lines come to (?P<have>\S+ \S+), (?P<gap>\S+ \S+) above the minimum of (?P<mark>\S+ \S+)",
            r"各项合计 \g<have>，高于最低消费 \g<mark> 达 \g<gap>",
        ),
        (
            r"the lines come to (?P<have>\S+ \S+), (?P<gap>\S+ \S+) below the cap of (?P<mark>\S+ \S+)",
            r"各项合计 \g<have>，低于封顶 \g<mark> 达 \g<gap>",
        ),
        # What lies ahead.
        (
            r"above (?P<mark>[\d,.]+\S*(?: \S+)?) of (?P<line>.+) the minimum no longer adds anything",
            r"\g<line> 超过 \g<mark> 后不再补足最低消费",
        ),
        (
            r"above (?P<mark>[\d,.]+(?: \S+)?) of (?P<line>.+) the price is (?P<price>.+)",
            r"\g<line> 超过 \g<mark> 后的单价为 \g<price>",
        ),
        (
            r"from (?P<mark>[\d,.]+(?: \S+)?) of (?P<line>.+) the price is (?P<price>.+)",
            r"\g<line> 达到 \g<mark> 后的单价为 \g<price>",
        ),
        (
            r"above (?P<mark>[\d,.]+(?: \S+)?) of (?P<line>\S+) `(?P<rule>.+)` applies \((?P<text>.+)\)",
            r"\g<line> 超过 \g<mark> 后适用 \g<rule>（\g<text>）",
        ),
        (
            r"from (?P<mark>[\d,.]+(?: \S+)?) of (?P<line>\S+) `(?P<rule>.+)` applies \((?P<text>.+)\)",
            r"\g<line> 达到 \g<mark> 后适用 \g<rule>（\g<text>）",
        ),
    )
)
_CHINESE: Final[tuple[tuple[re.Pattern[str], str], ...]] = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"first (?P<width>[\d,.].*) prorated by day", r"前 \g<width>（按天折算）"),
        (r"next (?P<width>[\d,.].*) prorated by day", r"其后 \g<width>（按天折算）"),
        (r"first (?P<width>[\d,.].*)", r"前 \g<width>"),
        (r"next (?P<width>[\d,.].*)", r"其后 \g<width>"),
        (r"above", r"超出部分"),
        (r"above (?P<width>[\d,.].*)", r"超过 \g<width> 的部分"),
        (r"up to (?P<width>[\d,.].*)", r"不超过 \g<width>"),
        (r"below (?P<width>[\d,.].*)", r"低于 \g<width>"),
        (r"free", r"免费"),
        (r"at most (?P<money>.+)", r"最多 \g<money>"),
        (r"included", r"套餐内含"),
        (r"once", r"一次性"),
        (r"total", r"合计"),
        (r"sum before taxes", r"税前合计"),
        (r"what is left of its lines", r"相关项目的余额"),
        (r"charges and fees after policies", r"优惠后的费用"),
        (r"all that is left", r"全部余额"),
        (r"what is left to pay", r"待付余额"),
        (r"past the mark", r"超出界限的部分"),
        (r"billed before (?P<day>\S+)", r"\g<day> 之前已计费"),
        (r"for this part", r"本部分"),
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
        (r"(?P<part>[\d.]+) of (?P<whole>[\d.]+)(?P<unit>(?: \S+)?)", r"\g<whole>\g<unit> 中的 \g<part>\g<unit>"),
        (r"its share", r"应摊份额"),
        (r"price of (?P<size>[\d.]+.*) together", r"合计 \g<size> 的价格"),
        (r"price of (?P<size>[\d.]+.*) to date", r"截至本期 \g<size> 的价格"),
        (r"price of (?P<size>[\d.]+.*) before this bill", r"本期之前 \g<size> 的价格"),
        (r"price of (?P<size>[\d.]+.*)", r"\g<size> 的价格"),
        (r"started steps", r"已开始的计费份数"),
        (r"started before", r"此前已开始的份数"),
        (r"in this band before", r"此前已在本档的数量"),
        (r"in this band", r"本档的数量"),
        (r"minimum (?P<money>\D{0,3}[\d,.]+) prorated by day", r"最低消费 \g<money>（按天折算）"),
        (r"cap (?P<money>\D{0,3}[\d,.]+) prorated by day", r"封顶 \g<money>（按天折算）"),
    )
)
_BETWEEN_CHINESE: Final = re.compile(r"(?<=[\u3400-\u9fff]) (?=[\u3400-\u9fff])")
_TRANSLATIONS: Final[Mapping[str, tuple[tuple[re.Pattern[str], str], ...]]] = {"zh": _CHINESE_SENTENCES + _CHINESE}
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
