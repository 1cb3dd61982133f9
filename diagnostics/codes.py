"""The table of diagnostic codes. A code is never reused and never changes its meaning.

RB1xxx text and grammar, RB2xxx meaning and money of a ruleset, RB3xxx usage and account rows, RB4xxx rating,
RB5xxx examples, RB6xxx templates and documents, RB9xxx files and use of the command.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Code:
    """What a code stands for: `title` names the mistake in a few words; `warning` findings let a ruleset be used."""

    code: str
    title: str
    warning: bool = False


def _table(*rows: Code) -> dict[str, Code]:
    table = {row.code: row for row in rows}
    if len(table) != len(rows):
        raise ValueError("a diagnostic code stands in the table twice")
    return table


CODES = _table(
    # RB10xx: characters and layout
    Code("RB1001", "unexpected word or sign"),
    Code("RB1002", "tab in the indentation"),
    Code("RB1003", "indentation that fits no block"),
    Code("RB1004", "block without content"),
    Code("RB1005", "missing colon at the end of a line"),
    Code("RB1006", "text without its closing quote"),
    Code("RB1007", "bidirectional control character"),
    Code("RB1008", "file that is too large"),
    Code("RB1009", "nesting that is too deep"),
    Code("RB1010", "number with more than 38 digits"),
    Code("RB1011", "number with misplaced thousands commas"),
    Code("RB1012", "text that is not UTF-8"),
    Code("RB1013", "text that is not NFC", warning=True),
    Code("RB1014", "name that mixes scripts or looks like another", warning=True),
    Code("RB1015", "character that the language does not know"),
    # RB11xx: common slips of grammar
    Code("RB1101", "`until` does not say whether the end is included"),
    Code("RB1102", "bands without a mode"),
    Code("RB1103", "number where a percent belongs"),
    Code("RB1104", "number where money belongs"),
    Code("RB1105", "date or period that does not exist"),
    Code("RB1106", "time that does not exist"),
    Code("RB1107", "table row with too many or too few cells"),
    Code("RB1108", "table without a header or without rows"),
    Code("RB1110", "value that needs quotes"),
    Code("RB1111", "comparison with the wrong sign"),
    Code("RB1112", "line that does not belong in this block"),
    Code("RB1113", "the same line twice in a block"),
    Code("RB1114", "price without a unit"),
    Code("RB1115", "band word that does not fit the mode"),
    # RB20xx: names
    Code("RB2001", "unknown name"),
    Code("RB2002", "name that is declared twice"),
    Code("RB2003", "reserved name"),
    Code("RB2004", "unknown unit"),
    Code("RB2005", "unknown currency"),
    Code("RB2006", "unknown time zone"),
    Code("RB2007", "unknown country or holiday"),
    Code("RB2008", "no ruleset line"),
    Code("RB2009", "import that cannot be read"),
    Code("RB2010", "import in a circle"),
    Code("RB2011", "import from outside the folder"),
    Code("RB2012", "ruleset line twice"),
    Code("RB2013", "declarations that refer to each other in a circle"),
    Code("RB2014", "replacing or removing what is not there"),
    # RB21xx: types, units, money
    Code("RB2101", "units that do not fit"),
    Code("RB2102", "currency that does not fit"),
    Code("RB2103", "price that is not a price for this quantity"),
    Code("RB2104", "decimal and binary units in one charge", warning=True),
    Code("RB2105", "value that the field does not have"),
    Code("RB2106", "event without the field"),
    Code("RB2107", "band width that is not a multiple of its block"),
    Code("RB2108", "value of the wrong type"),
    Code("RB2109", "aggregation that does not fit"),
    Code("RB2110", "rate too small for the rounding", warning=True),
    # RB22xx: bands, tables, lines
    Code("RB2201", "bands that do not rise"),
    Code("RB2202", "no band for large quantities"),
    Code("RB2203", "rows that overlap"),
    Code("RB2204", "no price for a declared value"),
    Code("RB2205", "row that can never be reached"),
    Code("RB2206", "minimum above the cap"),
    Code("RB2207", "charge without a price"),
    Code("RB2208", "band that can never be reached"),
    Code("RB2209", "using more costs less", warning=True),
    Code("RB2210", "meter that nothing prices", warning=True),
    Code("RB2211", "condition that can never hold"),
    Code("RB2212", "plan without a charge or a fee", warning=True),
    Code("RB2215", "ladder that cannot be shared"),
    Code("RB2216", "ladder that cannot run over several bills"),
    Code("RB2217", "proration that does not fit"),
    Code("RB2218", "usage that changes what others pay", warning=True),
    Code("RB2230", "holidays of a year that is not yet published", warning=True),
    Code("RB2231", "window that no time lies in"),
    Code("RB2232", "band that a cap hides", warning=True),
    Code("RB2233", "included units that nothing prices", warning=True),
    Code("RB2220", "price file that is not CSV"),
    Code("RB2221", "price file without prices"),
    Code("RB2222", "price file that is too large"),
    Code("RB2223", "price files whose columns are in another order"),
    Code("RB2224", "price file that is never asked"),
    Code("RB2225", "cell that can be read in two ways"),
    # RB23xx: dates and versions
    Code("RB2301", "dates that overlap"),
    Code("RB2302", "gap between versions", warning=True),
    Code("RB2303", "end before the beginning"),
    Code("RB2304", "price change inside a billing period"),
    Code("RB2306", "version without a word on which prices its first period has"),
    Code("RB2307", "billing that changes inside a billing period"),
    Code("RB2308", "charge that two versions cannot share"),
    Code("RB2309", "floor or ceiling of rows that two versions price"),
    Code("RB2305", "missing dates", warning=True),
    # RB24xx: policies
    Code("RB2401", "policies that can hold together without a rule"),
    Code("RB2402", "discounts that can take more than everything"),
    Code("RB2403", "effect that does not fit its target"),
    Code("RB2404", "effect that does not fit the kind of policy"),
    Code("RB2405", "fixed amount on several lines under `best one`"),
    Code("RB2406", "policy that can never apply"),
    Code("RB2407", "policy that changes nothing", warning=True),
    Code("RB2501", "warning that cannot be allowed"),
    Code("RB2502", "`allow` that allows nothing", warning=True),
    Code("RB2503", "example of a plan that is not in force"),
    # RB26xx: promises, and prices compared over all usage
    Code("RB2601", "promise that does not hold"),
    Code("RB2602", "contract that costs more than the list", warning=True),
    Code("RB2603", "plan that another is never dearer than", warning=True),
    Code("RB2604", "price below the declared cost", warning=True),
    Code("RB2605", "rule at whose beginning the total falls", warning=True),
    # RB27xx: against an earlier version
    Code("RB2701", "price that looks like a slip", warning=True),
    Code("RB2702", "changed price in a closed period"),
    Code("RB2703", "plan that is gone", warning=True),
    Code("RB2704", "meter that counts otherwise under the same price", warning=True),
    Code("RB2705", "another currency under the same numbers", warning=True),
    Code("RB2706", "earlier version with mistakes", warning=True),
    # RB29xx: not built yet
    Code("RB2901", "form that is not built yet"),
    # RB30xx: rows
    Code("RB3001", "missing column"),
    Code("RB3002", "missing value"),
    Code("RB3003", "value that is not a number"),
    Code("RB3004", "quantity beyond 38 digits"),
    Code("RB3005", "value outside `one of`"),
    Code("RB3006", "time that cannot be read"),
    Code("RB3007", "undeclared event"),
    Code("RB3008", "unknown account"),
    Code("RB3009", "the same id with other content"),
    Code("RB3010", "row that is not valid JSON"),
    Code("RB3011", "row that is neither an event nor a quantity"),
    Code("RB3012", "unknown meter"),
    Code("RB3013", "currency that differs from the ruleset's"),
    Code("RB3014", "binary floating-point column"),
    Code("RB3015", "unit that does not fit"),
    Code("RB3016", "value of the wrong type"),
    Code("RB3017", "row with too many or too few cells"),
    Code("RB3018", "CloudEvents object that is not valid"),
    Code("RB3019", "file that is not UTF-8"),
    Code("RB3020", "unknown column", warning=True),
    Code("RB3021", "negative length of an event"),
    Code("RB3022", "text that is not CSV"),
    Code("RB3023", "column that stands twice"),
    # RB31xx: accounts
    Code("RB3101", "unknown plan"),
    Code("RB3102", "date that cannot be read"),
    Code("RB3103", "subscriptions that overlap"),
    Code("RB3104", "attribute outside `one of`"),
    Code("RB3105", "attribute of the wrong type"),
    Code("RB3106", "unknown card"),
    Code("RB3107", "missing account attribute"),
    Code("RB3108", "end before start"),
    Code("RB3109", "card with a wrong balance or date"),
    # RB40xx: rating
    Code("RB4001", "attribute that a rule needs is missing"),
    Code("RB4002", "usage that the price list refuses"),
    Code("RB4003", "no price for a value"),
    Code("RB4004", "no version of the plan in force"),
    Code("RB4005", "usage without a time where a window covers part of the period"),
    Code("RB4006", "quantity without a field that the charge needs"),
    Code("RB4007", "period that the plan does not bill"),
    Code("RB4008", "width below zero"),
    Code("RB4010", "event below zero where the order of time decides"),
    Code("RB4013", "usage without a time where prices change inside the period"),
    Code("RB4014", "usage on days without a price"),
    Code("RB4015", "usage without a time where a part of a period is billed"),
    # RB50xx: examples
    Code("RB5001", "example that does not come out"),
    Code("RB5002", "example that nobody has reviewed"),
    Code("RB5003", "example that is not an example"),
    Code("RB5004", "example that touches no boundary", warning=True),
    Code("RB5005", "examples that cover less than was asked for"),
    # RB60xx: documents
    Code("RB6001", "template that cannot be read"),
    Code("RB6002", "template that uses what templates may not"),
    Code("RB6003", "template that names an unknown value"),
    Code("RB6004", "template that writes too much or takes too long"),
    Code("RB6005", "parties file that cannot be read"),
    Code("RB6006", "unknown language"),
    # RB90xx: use
    Code("RB9001", "file that cannot be read"),
    Code("RB9002", "file of an unknown kind"),
    Code("RB9003", "period that cannot be read"),
    Code("RB9004", "unknown account in the call"),
    Code("RB9005", "unknown plan in the call"),
    Code("RB9006", "usage that cannot be read in the call"),
    Code("RB9007", "file that cannot be written"),
    Code("RB9008", "no ruleset in the folder"),
    Code("RB9009", "several rulesets where one is wanted"),
    Code("RB9010", "revision that cannot be read"),
    Code("RB9011", "no Spark to rate on"),
    Code("RB9012", "usage that Spark has no columns for"),
)
