"""`benchmarks/ratios.py`: what it calls worse, simulated; its kept figures; and one of its ratios for real."""

from __future__ import annotations

import random
import re
import subprocess
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

ROOT = Path(__file__).resolve().parents[1]
BENCHMARKS = ROOT / "benchmarks"
sys.path.append(str(BENCHMARKS))  # as a script has it

from short import kept as keeping  # noqa: E402
from short.judging import LOOKS, STEADY, WORSE, Turn, figure, judged, not_the_same  # noqa: E402
from short.kept import Kept  # noqa: E402
from short.table import RATIOS, Ratio  # noqa: E402

NOISE = 0.08
"""Of one turn, as a standard deviation."""
DRIFT = 0.02
"""Of a whole look: what the machine's other work does to all of its turns."""
NUMBER, TURNS = len(RATIOS), 15


class Machine:
    """Measures ratios that are all 1, or what they are said to be, with noise."""

    def __init__(self, seed: int, true: dict[str, float] | None = None) -> None:
        self.dice, self.true, self.asked = random.Random(seed), true or {}, list[str]()

    def look(self, names: Sequence[str]) -> dict[str, float]:
        self.asked += names
        return {name: self._figure(self.true.get(name, 1.0)) for name in names}

    def kept(self) -> dict[str, float]:
        """As `--keep` makes them: the median of five looks at what is well."""
        looks = [{name: self._figure(1.0) for name in NAMES} for _ in range(5)]
        return {name: sorted(one[name] for one in looks)[2] for name in NAMES}

    def _figure(self, true: float) -> float:
        shift = true * self.dice.lognormvariate(0.0, DRIFT)
        return figure([Turn(shift * self.dice.lognormvariate(0.0, NOISE), 1.0) for _ in range(TURNS)])


NAMES = [f"ratio {number}" for number in range(NUMBER)]


def test_noise_alone_is_an_alarm_in_fewer_than_one_run_of_a_hundred() -> None:
    runs = 500
    alarms = 0
    for seed in range(runs):
        machine = Machine(seed)
        alarms += any(one.worse for one in judged(machine.kept(), machine.look))
    assert alarms < runs / 100


def test_noise_of_whole_looks_as_large_is_not_an_alarm_either() -> None:
    """Figures that are 8 % off themselves, turns and all: three running is what saves it."""
    dice, runs = random.Random(7), 3_000

    def look(names: Sequence[str]) -> dict[str, float]:
        return {name: dice.lognormvariate(0.0, NOISE) for name in names}

    alarms = sum(any(one.worse for one in judged(dict.fromkeys(NAMES, 1.0), look)) for _ in range(runs))
    assert alarms < runs / 100


def test_40_percent_more_is_found_in_every_run_and_nothing_else_is_accused() -> None:
    for seed in range(500):
        machine = Machine(seed, {NAMES[seed % NUMBER]: 1.4})
        assert [one.name for one in judged(machine.kept(), machine.look) if one.worse] == [NAMES[seed % NUMBER]], seed


def test_what_is_worse_alone_is_asked_again_and_three_times_at_most() -> None:
    machine = Machine(1, {"bad": 2.0})
    bad, good = judged({"bad": 1.0, "good": 1.0}, machine.look)
    assert machine.asked == ["bad", "good", "bad", "bad"]
    assert (bad.worse, len(bad.looks), good.worse, len(good.looks)) == (True, LOOKS, False, 1)
    assert bad.change == pytest.approx(min(bad.looks) - 1.0)


@given(st.lists(st.floats(0.5, 2.0), min_size=LOOKS, max_size=LOOKS))
def test_one_look_within_the_limit_is_enough(ratios: list[float]) -> None:
    told = iter(ratios)
    (found,) = judged({"it": 1.0}, lambda names: {name: next(told) for name in names})
    assert found.worse == all(ratio - 1.0 > WORSE for ratio in ratios)
    assert list(found.looks) == ratios[: len(found.looks)]


def test_a_disturbed_turn_does_not_count() -> None:
    assert figure([Turn(2.0, 1.0)] * 5 + [Turn(90.0, 1.0)] * 2) == 2.0
    with pytest.raises(ValueError, match="reference"):
        figure([Turn(1.0, 0.0)])
    with pytest.raises(ValueError, match="turns"):
        figure([])


def test_kept_figures_are_read_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "kept.toml"
    assert keeping.read(path) == {}
    one = Kept(1.234, 0.012, date(2026, 11, 30), "0123abcd+", "3.11", 'the "wire" \\ got\nslower')
    keeping.write({'a "name", POST': one, "other": one}, path)
    assert keeping.read(path) == {'a "name", POST': one, "other": one}
    assert not_the_same(keeping.read(path), ["other", "new"]) == [
        "'new' has no kept figure",
        "'a \"name\", POST' is kept, and nothing measures it",
    ]


def test_the_shipped_figures_are_those_that_are_measured_steady_and_with_a_reason() -> None:
    kept = keeping.read()
    assert not_the_same(kept, [one.name for one in RATIOS]) == []
    for name, one in kept.items():
        assert one.reason, name
        assert one.spread <= STEADY, name
        assert re.fullmatch(r"[0-9a-f]{8}\+?", one.commit), name


@pytest.mark.parametrize("ratio", RATIOS, ids=lambda one: one.name)
def test_what_measures_it_and_where_to_look_are_there(ratio: Ratio) -> None:
    assert (BENCHMARKS / "short" / f"{ratio.module}.py").is_file()
    places = re.findall(r"[a-z_]+(?:/[a-z_0-9]+)+(?:\.py)?", ratio.look)
    assert places
    for place in places:
        assert (ROOT / place).exists(), place


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_cost_that_is_worse_than_kept_fails_with_where_to_look(tmp_path: Path) -> None:
    """The wire's two ratios as they are, against figures that it can only miss, and only beat."""
    path, shipped = tmp_path / "kept.toml", keeping.read()
    names = [one.name for one in RATIOS if one.module == "wire"]

    def asked(times: dict[str, float]) -> tuple[int, str]:
        keeping.write(
            {
                name: Kept(one.ratio * times.get(name, 1.0), one.spread, one.date, one.commit, one.python, one.reason)
                for name, one in shipped.items()
            },
            path,
        )
        command = [sys.executable, "benchmarks/ratios.py", "--kept", str(path), "--only", *names]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=280)
        return done.returncode, done.stdout + done.stderr

    status, told = asked({names[0]: 0.5, names[1]: 2.0})
    assert status == 1, told
    assert re.search(rf"^{names[0]} is \d+% worse, 3 times running", told, re.MULTILINE), told
    assert "look at: harness/client/http" in told
    assert not re.search(rf"^{names[1]} is \d+% worse", told, re.MULTILINE), told
    assert re.search(rf"^{names[1]} is \d+% better than what is kept", told, re.MULTILINE), told
    assert asked(dict.fromkeys(names, 2.0))[0] == 0
