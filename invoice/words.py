"""The fixed words of documents and explanations, one catalogue per language.

Only words: no formats of numbers or dates (`language`), and none of the ruleset's labels, which bring their own
translations. A language without a catalogue uses the English words.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ..money import Rounding


@dataclass(frozen=True, slots=True)
class Words:
    """What a document says in its own voice; `{…}` is filled in by `language`."""

    invoice: str
    draft: str
    draft_invoice: str
    draft_note: str
    number: str
    date: str
    due_date: str
    period: str
    account: str
    plan: str
    currency: str
    seller: str
    buyer: str
    tax_id: str
    email: str
    phone: str
    description: str
    quantity: str
    rate: str
    amount: str
    adjustments: str
    subtotal: str
    subtotal_before_tax: str
    total: str
    due: str
    included_in_total: str
    payment: str
    terms: str
    bank: str
    note: str
    why: str
    workings: str
    rule: str
    because: str
    met: str
    source: str
    counted: str
    included: str
    left: str
    sum: str
    difference: str
    taken_off: str
    taken_from: str
    added_to: str
    once: str
    free: str
    lesser: str
    greater: str
    share: str
    limit: str
    base: str
    unrounded: str
    rounded: str
    calculated_from: str
    places: str
    no_lines: str
    more_rows: str
    part_of: str
    explanation: str
    not_applied: str
    ahead: str
    adds_up: str
    included_tax_note: str
    prepaid_note: str
    of: str
    each: str
    per: str
    colon: str
    comma: str
    semicolon: str
    modes: Mapping[Rounding, str]


ENGLISH: Final = Words(
    invoice="Invoice",
    draft="DRAFT",
    draft_invoice="Draft invoice",
    draft_note="A preview. This is not an issued invoice.",
    number="Number",
    date="Date",
    due_date="Payable by",
    period="Period",
    account="Account",
    plan="Plan",
    currency="Currency",
    seller="From",
    buyer="Bill to",
    tax_id="Tax ID",
    email="Email",
    phone="Phone",
    description="Description",
    quantity="Quantity",
    rate="Rate",
    amount="Amount",
    adjustments="Adjustments",
    subtotal="Subtotal",
    subtotal_before_tax="Subtotal before tax",
    total="Total",
    due="Due",
    included_in_total="included in the total",
    payment="Payment",
    terms="Terms",
    bank="Bank",
    note="Note",
    why="Why",
    workings="How these amounts came about",
    rule="The price list says",
    because="Reason",
    met="Applies as",
    source="Source",
    counted="counted",
    included="included",
    left="left to charge",
    sum="sum",
    difference="difference",
    taken_off="taken off",
    taken_from="taken from {label}",
    added_to="falls on {label}",
    once="once",
    free="free",
    lesser="the lesser of {values}",
    greater="the greater of {values}",
    share="share",
    limit="at most",
    base="taken together",
    unrounded="{before}, {mode} to {size}",
    rounded="{mode} to {size}",
    calculated_from="Calculated from the price list {name}",
    places="Rules",
    no_lines="Nothing was charged in this period.",
    more_rows="… and {count} more rows",
    part_of="{period} (part of {whole})",
    explanation="Explanation",
    not_applied="What did not apply, and why",
    ahead="What lies ahead",
    adds_up="These amounts add up exactly to the total.",
    included_tax_note="included in the total, not added",
    prepaid_note="paid from what was prepaid",
    of="of {value}",
    each="{money} each",
    per="{money} per {unit}",
    colon=": ",
    comma=", ",
    semicolon="; ",
    modes={
        Rounding.HALF_EVEN: "rounded half even",
        Rounding.HALF_UP: "rounded half up",
        Rounding.HALF_DOWN: "rounded half down",
        Rounding.UP: "rounded up",
        Rounding.DOWN: "rounded down",
    },
)

CHINESE: Final = Words(
    invoice="账单",
    draft="草稿",
    draft_invoice="账单草稿",
    draft_note="仅供预览，并非正式账单。",
    number="编号",
    date="日期",
    due_date="付款期限",
    period="账期",
    account="账户",
    plan="套餐",
    currency="币种",
    seller="开具方",
    buyer="客户",
    tax_id="税号",
    email="邮箱",
    phone="电话",
    description="项目",
    quantity="数量",
    rate="单价",
    amount="金额",
    adjustments="优惠与调整",
    subtotal="小计",
    subtotal_before_tax="税前小计",
    total="合计",
    due="应付",
    included_in_total="已含在合计中",
    payment="付款",
    terms="付款条件",
    bank="收款账户",
    note="备注",
    why="计算依据",
    workings="各项金额的计算过程",
    rule="价目表原文",
    because="原因",
    met="适用条件",
    source="出处",
    counted="计量",
    included="套餐内含",
    left="计费数量",
    sum="求和",
    difference="差额",
    taken_off="扣减",
    taken_from="从“{label}”扣减",
    added_to="计入“{label}”",
    once="一次性",
    free="免费",
    lesser="取较小者：{values}",
    greater="取较大者：{values}",
    share="分摊",
    limit="上限",
    base="合并计算",
    unrounded="{before} {mode}至 {size}",
    rounded="{mode}至 {size}",
    calculated_from="依据价目表 {name} 计算",
    places="规则",
    no_lines="本账期没有费用。",
    more_rows="……另有 {count} 行",
    part_of="{period}（{whole} 的一部分）",
    explanation="费用说明",
    not_applied="未适用的规则及原因",
    ahead="后续变化点",
    adds_up="以上金额相加恰为合计。",
    included_tax_note="已含在合计中，不另加",
    prepaid_note="由预付款支付",
    of="× {value}",
    each="每个 {money}",
    per="每 {unit} {money}",
    colon="：",
    comma="，",
    semicolon="；",
    modes={
        Rounding.HALF_EVEN: "四舍六入五成双",
        Rounding.HALF_UP: "四舍五入",
        Rounding.HALF_DOWN: "五舍六入",
        Rounding.UP: "向上取整",
        Rounding.DOWN: "向下舍去",
    },
)

CATALOGUES: Final[Mapping[str, Words]] = {"en": ENGLISH, "zh": CHINESE}
