"""Writes the price files and the calls of rulesets/telecom, always the same.

    python bench/destinations.py

Country codes are those of the international numbering plan; what follows them, and every price, is made up.
"""

from __future__ import annotations

import csv
import json
import random
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from report import ROOT

FOLDER = ROOT / "rulesets" / "telecom"
SEED = 20260301
ROWS = 2_000

# Code, cents a minute to its fixed lines, and cents a minute that its mobile numbers cost more.
COUNTRIES = """
1 2 1|20 9 4|27 8 6|30 3 8|31 2 7|32 2 8|33 2 6|34 2 6|36 3 7|39 2 8|40 4 7|41 3 12|43 2 6|44 2 5|45 2 4|46 2 4
47 2 5|48 3 4|49 2 5|51 6 8|52 3 4|54 5 9|55 4 8|56 5 7|57 5 5|60 3 3|61 3 6|62 7 5|63 14 5|64 4 9|65 3 1|66 4 2
81 4 9|82 3 5|84 9 3|86 2 1|90 7 9|91 3 1|92 11 2|93 24 4|94 17 3|95 29 5|98 12 5|211 38 6|212 22 18|213 15 19
216 33 9|218 26 7|220 49 5|221 36 7|225 41 6|233 23 5|234 13 4|251 26 3|254 15 6|255 29 7|256 24 6|260 31 8
263 28 19|264 9 12|351 2 7|352 3 8|353 2 6|354 4 8|355 19 17|356 9 14|357 3 4|358 4 7|359 4 14|370 7 9|371 9 11
372 6 12|373 21 9|374 22 8|375 27 6|380 14 8|381 15 16|385 5 13|386 6 17|420 3 5|421 4 8|501 22 6|502 13 4|503 19 6
504 21 5|505 23 5|506 5 4|507 6 9|509 37 6|591 18 5|592 29 4|593 17 9|595 8 6|598 9 14|670 88 12|673 8 2|674 97 9
676 79 8|678 83 7|852 3 2|853 9 3|855 9 2|856 12 3|880 4 1|886 3 8|960 68 7|961 13 14|962 14 6|963 22 5|964 27 8
965 9 4|966 13 6|967 22 4|968 23 9|971 17 4|972 3 7|973 16 3|974 24 5|975 11 3|976 8 2|977 17 2|992 19 4|993 21 3
994 29 7|995 14 9|996 18 4|998 12 3
"""


def euros(cents: int, per: str) -> str:
    return f"€{cents // 100}.{cents % 100:02} {per}"


def destinations(rng: random.Random) -> list[list[str]]:
    """Every country with its code, and mobile and special numbers below it up to the number of rows."""
    countries = [tuple(map(int, item.split())) for item in COUNTRIES.replace("\n", "|").split("|") if item]
    rows = {str(code): [euros(fixed, "per 60 s in steps of 6 s"), ""] for code, fixed, _ in countries}
    while len(rows) < ROWS - 1:
        code, fixed, more = rng.choice(countries)
        prefix = f"{code}{rng.randint(2, 9)}{rng.randint(0, 99):02}"[: rng.choice((len(str(code)) + 2, 99))]
        if prefix in rows:
            continue
        if rng.random() < 0.04:
            rows[prefix] = [euros(fixed + more + 60, "per started 60 s"), "€0.25"]
        else:
            rows[prefix] = [euros(fixed + more + rng.randint(0, 2), "per 60 s in steps of 6 s"), ""]
    return [[prefix, *rows[prefix]] for prefix in sorted(rows)] + [["otherwise", "€1.49 per started 60 s", "€0.25"]]


def write(name: str, head: list[str], rows: list[list[str]]) -> None:
    with (FOLDER / name).open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([head, *rows])


ACCOUNTS = [
    ["alder-bakery", "basic", "2026-01-01", "", ""],
    ["birch-dental", "basic", "2026-02-01", "", ""],
    ["cedar-family", "bundle", "2026-01-15", "", ""],
    ["dune-travel", "bundle", "2026-01-01", "", ""],
    ["elm-legal", "business", "2026-01-01", "12", "DE"],
    ["fern-logistics", "business", "2026-02-10", "60", "DE"],
    ["grove-trading", "business", "2026-03-16", "4", "AT"],
    ["harbour", "harbour", "2026-03-01", "85", "DE"],
]


def calls(rng: random.Random, prefixes: list[str]) -> list[dict[str, object]]:
    """Calls, messages and data of March 2026."""
    rows: list[dict[str, object]] = []
    start = datetime(2026, 3, 1, tzinfo=ZoneInfo("Europe/Berlin"))
    for account, plan, since, *_ in ACCOUNTS:
        first = max(date.fromisoformat(since).toordinal() - date(2026, 3, 1).toordinal(), 0)
        own = {"basic": 25, "bundle": 60, "business": 70, "harbour": 90}[plan]
        for _ in range(own):
            moment = start + timedelta(
                days=rng.randrange(first, 31), hours=rng.randint(7, 21), seconds=rng.randrange(3600)
            )
            abroad = rng.random() < 0.4
            number = (rng.choice(prefixes) if abroad else "49") + "".join(rng.choices("0123456789", k=7))
            seconds = rng.choice((0, 7, 31, 60, 61, 119, 240, 605, rng.randrange(1, 3000)))
            fields = {"duration": seconds, "dialled": number, "reach": "international" if abroad else "national"}
            rows.append({"account": account, "event": "call", "time": moment.isoformat(), **fields})
        for day in range(first, 31, 2):
            moment = start + timedelta(days=day, hours=12, minutes=rng.randrange(60))
            rows.append(
                {
                    "account": account,
                    "event": "data",
                    "time": moment.isoformat(),
                    "volume": rng.randrange(10**6, 5 * 10**8),
                }
            )
        for _ in range(own // 3):
            moment = start + timedelta(days=rng.randrange(first, 31), hours=9, seconds=rng.randrange(40_000))
            rows.append({"account": account, "event": "message", "time": moment.isoformat()})
    rows.sort(key=lambda row: (str(row["time"]), str(row["account"])))
    return [{"id": f"t{number:04}", **row} for number, row in enumerate(rows, start=1)]


def main() -> None:
    rng = random.Random(SEED)
    rows = destinations(rng)
    write("destinations.csv", ["dialled prefix", "price", "once"], rows)
    near = [[code, "€0.01 per 60 s in steps of 1 s", ""] for code in ("31", "32", "33", "39", "41", "43", "48", "420")]
    write("neighbours.csv", ["dialled prefix", "price", "once"], near)
    write("accounts.csv", ["account", "plan", "start", "seats", "country"], ACCOUNTS)
    prefixes = [row[0] for row in rows[:-1] if row[0][0] in "1348"]
    path = Path(FOLDER / "usage.jsonl")
    lines = [json.dumps(row, ensure_ascii=False) for row in calls(rng, prefixes)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
