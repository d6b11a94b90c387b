"""Price files and files of inputs, good and bad."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.core.errors import UsageError
from harness.plan import PlanInputs, Prices, Range, load_changes, load_prices, make, render_table
from harness.plan.files import PRICES


def test_one_own_price_file(tmp_path: Path) -> None:
    text = PRICES.read_text(encoding="utf-8")
    text = text.replace('plan = "pro_no_cap"', 'plan = "team"').replace('compute = "by need"', 'compute = "micro"')
    path = tmp_path / "mine.toml"
    path.write_text(text)
    mine = load_prices(path)
    items = {item.name: item.amount for item in make(PlanInputs(), mine).figures.cost.items}
    assert items["subscription"] == 599
    assert "Not priced" not in render_table(make(PlanInputs(), mine))
    unpriced = mine.model_copy(update={"extras": tuple(one for one in mine.extras if one.name != "language model")})
    assert "Not priced: 4.5 M answers" in render_table(make(PlanInputs(), unpriced))
    assert items["compute micro"] == pytest.approx(9.8112)
    assert items["language model"] == pytest.approx(750_000 * 0.05 * 4 * 30 * 0.004)


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ('plan = "pro_no_cap"', 'plan = "por_no_cap"', "did you mean pro_no_cap?"),
        ('compute = "by need"', 'compute = "17xl"', "did you mean 16xl?"),
        ("[ceilings.tmdb_per_second]", "[ceilings.tmdb]", "without tmdb_per_second"),
        ("as_of = 2026-11-30", "", "as_of"),
        ("price = 0.09", "price = -0.09", "overage.egress_gb.price"),
        ("mau = 50_000\n", "", "without mau"),
        ("size = 1_000_000", "size = 0", "size"),
        ('currency = "USD"', 'currency = "dollars"', "currency"),
    ],
)
def test_a_wrong_price_file_is_refused_by_key(tmp_path: Path, old: str, new: str, complaint: str) -> None:
    path = tmp_path / "prices.toml"
    path.write_text(PRICES.read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        load_prices(path)
    assert complaint in str(caught.value)
    assert str(path) in str(caught.value)


def test_the_spend_cap_restricts_instead_of_billing(prices: Prices) -> None:
    items = make(PlanInputs(), prices.model_copy(update={"plan": "pro"})).figures.cost.items
    edge = next(item for item in items if item.name == "edge invocations")
    assert (edge.amount, edge.note[:14]) == (0, "over the quota")


def test_inputs_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "ours.toml"
    path.write_text(
        "sessions_per_day = 3\nswipes_per_session = [10, 20]\n"
        f"curve = {[1 / 24] * 24}\n[mix]\nswiper = 0.75\nchatter = 0.25\n[app]\npresence = 'off'\n"
    )
    inputs = PlanInputs().changed(**load_changes(path))
    assert inputs.sessions_per_day == 3
    assert inputs.swipes_per_session == Range(10, 20)
    assert dict(inputs.mix) == {"swiper": 0.75, "chatter": 0.25}
    assert inputs.curve == (1 / 24,) * 24
    assert inputs.app.presence == "off"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("swipes_per_session = 10", "swipes_per_session = 10 is no range"),
        ("swipes_per_session = [1, 2, 3]", "is no range"),
        ("[mix]\nswiper = 0.75", "sum of mix = 0.75"),
        ("sesions_per_day = 3", "did you mean sessions_per_day?"),
        ("mix = 3", "mix = 3"),
        ("dau = [1]", "dau"),
        ("dau =", "not TOML"),
    ],
)
def test_a_wrong_input_file(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "ours.toml"
    path.write_text(text)
    with pytest.raises(UsageError) as caught:
        PlanInputs().changed(**load_changes(path))
    assert complaint in str(caught.value)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no price file"):
        load_prices(tmp_path / "none.toml")
