"""How prepaid cards share the price of one event, by hand."""

from __future__ import annotations

import pytest

from ratebook.engine.evaluators.prepaying import PayingCard, shares_of_cards

EVERYTHING, CALLS, BOTH = (), ("calls",), ("calls", "files")


def cards(*pays: tuple[str, ...]) -> list[PayingCard]:
    return [PayingCard(place, names) for place, names in enumerate(pays)]


@pytest.mark.parametrize(
    ("due", "gained", "pays", "left", "shares"),
    [
        (500, {}, [EVERYTHING], [300], {0: 300}),
        (500, {}, [EVERYTHING, EVERYTHING], [300, 300], {0: 300, 1: 200}),
        (500, {"calls": 200, "files": 300}, [CALLS], [900], {0: 200}),
        (500, {"calls": 200, "files": 300}, [CALLS, CALLS], [150, 900], {0: 150, 1: 50}),
        (500, {"calls": 200, "files": 300}, [CALLS, EVERYTHING], [900, 900], {0: 200, 1: 300}),
        # A card for both lines takes of both alike, so that half of the calls is left for the next.
        (400, {"calls": 200, "files": 200}, [BOTH, CALLS], [200, 900], {0: 200, 1: 100}),
        (400, {"calls": 200, "files": 200}, [EVERYTHING, CALLS], [200, 900], {0: 200, 1: 100}),
        # A discount elsewhere leaves less to pay than the lines of the card came to.
        (150, {"calls": 200}, [CALLS], [900], {0: 150}),
        (500, {"calls": -200, "files": 700}, [CALLS], [900], {}),
        (0, {"calls": 200}, [CALLS], [900], {}),
        (-100, {}, [EVERYTHING], [900], {}),
        (500, {}, [EVERYTHING], [0], {}),
    ],
)
def test_each_card_pays_what_it_pays_in_order(
    due: int, gained: dict[str, int], pays: list[tuple[str, ...]], left: list[int], shares: dict[int, int]
) -> None:
    assert shares_of_cards(due, gained, cards(*pays), left) == shares
