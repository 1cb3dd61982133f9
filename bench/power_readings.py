"""Writes the readings of rulesets/power, always the same: python bench/power_readings.py [FOLDER]

readings.parquet   id, account, event, time, energy in Wh: one a quarter of an hour of March 2026 in Berlin, 743 hours
registers.csv      id, account, meter, time, quantity in kWh: what simple meters counted in a week

The figures are made up: a day has a shape, and every quarter of an hour differs from it by chance with a fixed seed.
"""

from __future__ import annotations

import csv
import random
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb

HOME = Path(__file__).parents[1] / "rulesets" / "power"
ZONE = ZoneInfo("Europe/Berlin")
SEED = 20260329
QUARTER = timedelta(minutes=15)

Reading = tuple[str, str, str, datetime, int]
Shape = Callable[[datetime], float]
"""Watt-hours in the quarter of an hour that begins at a local time."""


def house(now: datetime) -> float:
    """A family that is away by day and charges a car at night."""
    evening = 420 if 17 <= now.hour < 22 else 90
    return evening + (900 if now.hour in (0, 1, 2) and now.weekday() in (1, 4) else 0)


def bakery(now: datetime) -> float:
    """Ovens from four in the morning, six days a week."""
    if now.weekday() == 6:
        return 350
    return 7_100 if 4 <= now.hour < 9 else 2_300 if now.hour < 18 else 600


def foundry(now: datetime) -> float:
    """Two shifts, and a furnace that is lit on Mondays."""
    if now.weekday() >= 5:
        return 2_400
    lit = 5_500 if now.weekday() == 0 and now.hour == 6 else 0
    return lit + (16_500 if 6 <= now.hour < 22 else 5_200)


def studio(now: datetime) -> float:
    """A few lamps, from the day on which it opened."""
    return 260 if 9 <= now.hour < 19 else 20


METERS: dict[str, tuple[Shape, date]] = {
    "dune-house": (house, date(2026, 3, 1)),
    "elm-bakery": (bakery, date(2026, 3, 1)),
    "fen-foundry": (foundry, date(2026, 3, 1)),
    "gorse-studio": (studio, date(2026, 3, 30)),
}
REGISTERS = {"alder-flat": 46, "birch-family": 82, "cedar-cottage": 61}
"""Kilowatt-hours a week."""


def readings() -> Iterator[Reading]:
    """All readings, meter by meter in the order of time."""
    chance = random.Random(SEED)
    end = datetime(2026, 4, 1, tzinfo=ZONE).astimezone(UTC)
    for account, (shape, start) in METERS.items():
        now = datetime(start.year, start.month, start.day, tzinfo=ZONE).astimezone(UTC)
        number = 0
        while now < end:
            number += 1
            energy = round(shape(now.astimezone(ZONE)) * chance.uniform(0.85, 1.15))
            yield f"{account}-{number:04}", account, "reading", now, energy
            now += QUARTER


def registers() -> Iterator[tuple[str, str, str, str, str]]:
    """What was counted by the end of each week and of the month."""
    chance = random.Random(SEED + 1)
    days = [date(2026, 3, day) for day in (8, 15, 22, 29, 31)]
    for account, weekly in REGISTERS.items():
        for number, day in enumerate(days, 1):
            if account == "cedar-cottage" and day < date(2026, 3, 12):
                continue
            share = 2 / 7 if day.day == 31 else 1
            energy = f"{weekly * share * chance.uniform(0.9, 1.1):.3f}"
            yield f"{account}-w{number}", account, "energy", f"{day}T21:00:00Z", energy


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else HOME
    database = duckdb.connect()
    database.execute("SET TimeZone = 'UTC'")
    database.execute("CREATE TABLE readings (id TEXT, account TEXT, event TEXT, time TIMESTAMPTZ, energy BIGINT)")
    database.executemany("INSERT INTO readings VALUES (?, ?, ?, ?, ?)", list(readings()))
    database.execute(f"COPY readings TO '{folder / 'readings.parquet'}' (FORMAT parquet, COMPRESSION zstd)")
    with (folder / "registers.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("id", "account", "meter", "time", "quantity"))
        writer.writerows(registers())


if __name__ == "__main__":
    main()
