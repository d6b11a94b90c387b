"""Blend, source mix and diversity put made-up decks in the order in which the real function's steps put them. (pure)"""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.functions.deck import order as deck_order
from tests.sandbox.answers_deck.conftest import recorded

RECORDED = recorded("orders.json")
DECKS = RECORDED["decks"]


def named(case: dict[str, Any]) -> str:
    how = case.get("variant", case.get("top"))
    return f"{case['step']}-{how}-{case.get('settings', '')}-{len(DECKS[case['deck']])}"


@pytest.mark.parametrize("case", RECORDED["orders"], ids=named)
def test_a_deck_comes_out_in_the_observed_order(case: dict[str, Any]) -> None:
    cards = DECKS[case["deck"]]
    if case["step"] == "diversify":
        ordered, applied = deck_order.diversify(cards, case["top"], case["weight"]), None
    elif case["step"] == "mix":
        ordered, applied = deck_order.mix(cards, case["variant"])
    else:
        ordered, applied = deck_order.blend(cards, case["variant"], RECORDED["settings"][case["settings"]])
    assert [int(card["mediaItemId"]) for card in ordered] == case["order"]
    assert applied == case.get("applied")


@pytest.mark.parametrize(("one", "other", "expected"), RECORDED["likeness"])
def test_likeness(one: int, other: int, expected: float) -> None:
    traits = [
        deck_order.traits_of(card["genres"] or (), card["actors"], card["director"])
        for card in (DECKS[-1][one], DECKS[-1][other])
    ]
    assert deck_order.likeness(*traits) == pytest.approx(expected, abs=1e-12)


def test_a_blend_that_is_switched_off_leaves_the_deck_alone() -> None:
    settings = {**RECORDED["settings"]["default"], "enabled": False}
    assert deck_order.blend(DECKS[-1], "longtail", settings) == (DECKS[-1], False)
