"""Public holidays by country and name: the only module that knows the `holidays` library.

The library is imported on first use, for it and a country of the lunar calendar take a fifth of a second to load. Its
languages are always named to it, for it would otherwise ask the environment which one to use.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from functools import cache
from types import MappingProxyType, ModuleType
from typing import Any, NamedTuple


class _Holiday(NamedTuple):
    day: date
    english_name: str
    local_name: str


def is_holiday_country(country: str, subdivision: str | None = None) -> bool:
    """Whether holidays are known of the country (`CN`), and of its subdivision if one is named (`BY` of `DE`)."""
    # The library also answers to the codes of stock exchanges, which are longer.
    if not (len(country) == 2 and country.isascii() and country.isupper()):
        return False
    try:
        _calendar(country, subdivision, None, None)
    except NotImplementedError:
        return False
    return True


def holiday_days(
    country: str,
    names: tuple[str, ...],
    years: Iterable[int],
    subdivision: str | None = None,
) -> tuple[tuple[date, str], ...]:
    """The days of those years that a window's holidays are, in order, with their English names.

    A name picks the days whose English or local name contains it, in any case of letters. Days observed in place of a
    holiday carry its name and are picked with it; days off that are swapped for a working weekend have no holiday's
    name and are picked only where no names are given, which picks every public holiday.
    """
    return tuple(
        (day, name)
        for year in sorted(set(years))
        for day, name in holidays_of_year(country, names, subdivision, year).items()
    )


@cache
def holidays_of_year(country: str, names: tuple[str, ...], subdivision: str | None, year: int) -> Mapping[date, str]:
    """The picked days of one year, in order, with their English names."""
    wanted = [name.casefold() for name in names]
    picked = {
        holiday.day: holiday.english_name
        for holiday in _public_holidays(country, subdivision, year)
        if not wanted or any(_is_named(holiday, name) for name in wanted)
    }
    return MappingProxyType(picked)


def _is_named(holiday: _Holiday, name: str) -> bool:
    return name in holiday.english_name.casefold() or name in holiday.local_name.casefold()


@cache
def _public_holidays(country: str, subdivision: str | None, year: int) -> tuple[_Holiday, ...]:
    english = _calendar(country, subdivision, year, "en_US")
    # A country without a default language has its names in English only.
    local = _calendar(country, subdivision, year, english.default_language or "en_US")
    return tuple(_Holiday(day, english[day], local[day]) for day in sorted(english))


def _calendar(country: str, subdivision: str | None, year: int | None, language: str | None) -> Any:
    """The library's calendar of a country. Raises `NotImplementedError` for one that it does not know."""
    import holidays

    def load() -> Any:
        return holidays.country_holidays(country, subdiv=subdivision, years=year, expand=False, language=language)

    with _without_all_countries():
        try:
            return load()
        except (ImportError, NotImplementedError):
            pass
    return load()


@contextmanager
def _without_all_countries() -> Iterator[None]:
    """Lets one country be loaded without the 250 others.

    Any module of `holidays.countries` first runs that package's `__init__`, which imports every country: 110 ms of a
    `ratebook check` that has a third of a second. A bare package with the same path stands in for it meanwhile.
    """
    name = "holidays.countries"
    found = importlib.util.find_spec("holidays")
    folders = None if found is None else found.submodule_search_locations
    if name in sys.modules or not folders:
        yield
        return
    package = ModuleType(name)
    package.__path__ = [f"{folders[0]}/countries"]
    sys.modules[name] = package
    try:
        yield
    finally:
        if sys.modules.get(name) is package:
            del sys.modules[name]


def library_version() -> str:
    """The version of the tables: part of a ruleset's identity where its windows ask for holidays."""
    from holidays.version import __version__

    return str(__version__)


# A country that has decreed its days off in each of the last years will do so for the next one.
_YEARS_IN_A_ROW = 5
# The country by which it is told how new the tables are: its days are decreed each autumn for the year that follows.
_MEASURE = "CN"


@cache
def published_until(country: str, subdivision: str | None = None) -> int | None:
    """The last year whose holidays are certain; None where the library does not say.

    Some governments decree each year anew which days off are moved to which weekends and weekdays: there it is the last
    year that was decreed. Elsewhere a rule or a reckoning gives the days of every year that the library covers.
    """
    decreed = _last_decreed(country, subdivision)
    # One that has left out the newest years has given the custom up.
    if decreed is not None and decreed >= (_last_decreed(_MEASURE, None) or decreed):
        return decreed
    end = getattr(_calendar(country, subdivision, None, None), "end_year", None)
    return end if isinstance(end, int) else None


@cache
def _last_decreed(country: str, subdivision: str | None) -> int | None:
    written = getattr(_calendar(country, subdivision, None, None), "special_public_holidays", {})
    last = sorted(year for year in written if isinstance(year, int))[-_YEARS_IN_A_ROW:]
    if len(last) < _YEARS_IN_A_ROW or last[-1] - last[0] >= _YEARS_IN_A_ROW:
        return None
    moved = any("substituted" in holiday.english_name for holiday in _public_holidays(country, subdivision, last[-1]))
    return last[-1] if moved else None
