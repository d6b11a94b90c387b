"""What nobody has measured or published, with its low and high ends. (pure)

Ends are meant as the 10th and 90th of a hundred apps. They were given for the likely value of the default inputs; an
input that is set to something else keeps their proportion.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from harness.plan.input_checks import LEAST, MOST, POSITIVE, SHARES
from harness.plan.inputs import PlanInputs
from harness.plan.prices import Extra, Prices
from harness.plan.sensitivity import fitting, sharpened, shifted

OURS = "our assumption"
OBSERVED = "observed in two recordings; the contract's most is the high end"
UNPUBLISHED = "not published"
PRESENCE = "presence, as billed"


@dataclass(frozen=True, slots=True)
class Ends:
    """One assumed figure, and the inputs and prices that either end makes."""

    name: str
    low: str
    likely: str
    high: str
    at_low: tuple[PlanInputs, Prices]
    at_high: tuple[PlanInputs, Prices]
    source: str


@dataclass(frozen=True, slots=True)
class _Scaled:
    """An input's ends, beside the likely value of the default inputs."""

    name: str
    low: float
    high: float
    source: str = OURS


SCALED = (
    _Scaled("group_share", 0.1, 0.4),
    _Scaled("group_size", 3, 8),
    _Scaled("live_share", 0.15, 0.6),
    _Scaled("conversations_per_session", 1.5, 5),
    _Scaled("conversation_share", 0.5, 0.9),
    _Scaled("conversations_listed", 3, 12),
    _Scaled("titles_per_session", 0.5, 3),
    _Scaled("searches_per_session", 3, 8),
    _Scaled("library_writes_per_session", 0.2, 1.5),
    _Scaled("turns_per_session", 2, 8),
    _Scaled("offline_share", 0.2, 0.8),
    _Scaled("mau_per_dau", 2, 5),
    _Scaled("page_loads_per_session", 0.7, 1.5),
    _Scaled("external_ids_per_search", 3, 20, OBSERVED),
    _Scaled("synced_per_search", 1, 5, OBSERVED),
    _Scaled("messages_on_page", 5, 40, OBSERVED),
    _Scaled("compressed", 0.2, 1.0),
    _Scaled("reply_header_bytes", 400, 1_200),
    _Scaled("call_ms", 2, 40),
    _Scaled("call_cpu_ms", 0.5, 5),
    _Scaled("ios_per_row", 0.3, 3),
    _Scaled("disk_bytes_per_row", 3_000, 25_000),
)
HIDDEN_TABS = (0.0, 0.5)
PEAK = (0.8, 1.3)
"""Of the curve's distance from an even day."""
MIX_ENDS = {"swiper": (0.35, 0.55), "chatter": (0.12, 0.30), "searcher": (0.04, 0.15), "assistant_user": (0.02, 0.10)}


def ends(inputs: PlanInputs, prices: Prices) -> Iterator[Ends]:
    """Each assumed figure of these inputs and prices that is not nothing."""
    default = PlanInputs()
    for one in SCALED:
        value, likely = getattr(inputs, one.name), getattr(default, one.name)
        if value:
            low, high = (_bounded(one.name, value * end / likely) for end in (one.low, one.high))
            yield _of(one.name, low, value, high, inputs, prices, one.source)
    tabs = inputs.hidden_tabs
    yield _of("hidden_tabs", tabs + HIDDEN_TABS[0], tabs, tabs + HIDDEN_TABS[1], inputs, prices, OURS)
    curves = [inputs.changed(curve=sharpened(inputs.curve, factor)) for factor in PEAK]
    shown = [f"{max(curve.curve):.3f}" for curve in (curves[0], inputs, curves[1])]
    yield Ends("peak of the curve", shown[0], shown[1], shown[2], (curves[0], prices), (curves[1], prices), OURS)
    for persona, (low, high) in MIX_ENDS.items():
        share = inputs.mix.get(persona, 0.0)
        if 0 < share < 1:
            to_low, to_high = (shifted(inputs, persona, end / default.mix[persona]) for end in (low, high))
            shown = [f"{one.mix[persona]:.3g}" for one in (to_low, inputs, to_high)]
            yield Ends(f"mix.{persona}", shown[0], shown[1], shown[2], (to_low, prices), (to_high, prices), OURS)
    if prices.presence_billed == "likely":
        yield Ends(
            PRESENCE,
            "sent",
            "standing",
            "to its cap",
            (inputs, prices.model_copy(update={"presence_billed": "low"})),
            (inputs, prices.model_copy(update={"presence_billed": "high"})),
            UNPUBLISHED,
        )
    for place, extra in enumerate(prices.extras):
        if extra.at("low") != extra.at("high"):
            yield _priced(place, extra, inputs, prices)


def _of(name: str, low: float, likely: float, high: float, inputs: PlanInputs, prices: Prices, source: str) -> Ends:
    at = [(fitting(inputs, **{name: end}), prices) for end in (low, high)]
    return Ends(name, f"{low:.3g}", f"{likely:.3g}", f"{high:.3g}", at[0], at[1], source)


def _bounded(name: str, value: float) -> float:
    least = {"group_size": 2.0, "mau_per_dau": 1.0}.get(name, LEAST if name in POSITIVE else 0.0)
    return min(max(value, least), 1.0 if name in SHARES else MOST)


def _priced(place: int, extra: Extra, inputs: PlanInputs, prices: Prices) -> Ends:
    def at(price: float) -> tuple[PlanInputs, Prices]:
        extras = list(prices.extras)
        extras[place] = extra.model_copy(update={"price": price, "low": None, "high": None})
        return inputs, prices.model_copy(update={"extras": tuple(extras)})

    low, high = extra.at("low"), extra.at("high")
    source = extra.note or UNPUBLISHED
    return Ends(extra.name, f"{low:g}", f"{extra.price:g}", f"{high:g}", at(low), at(high), source)
