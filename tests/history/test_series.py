"""Operations over nights: what a build did to one of them is dated, what the machine did to all of them is not."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from harness.history import told
from harness.history.machine import NOW, of_one_speed
from harness.history.model import Night, OperationFigures
from harness.history.series import Changes, Series, changes, every_series

MANY = 16


def nights(
    count: int,
    factor: Callable[[int, int], float],
    *,
    canary: Callable[[int], float] = lambda _: 30.0,
    operations: int = MANY,
    level_ms: float = 100.0,
    noise: float = 0.04,
    of_a_night: float = 0.03,
    seed: int = 1,
) -> list[Night]:
    """Nights of simulated figures. factor: of a night and an operation."""
    source = random.Random(seed)
    made = []
    for number in range(count):
        night = source.lognormvariate(0, of_a_night)
        made.append(
            Night(
                run_id=f"r{number:04d}",
                started_at=f"2026-{1 + number // 28:02d}-{1 + number % 28:02d}T03:00:00+00:00",
                profile="nightly",
                plan_digest="d",
                target="staging",
                environment="staging",
                verdict="pass",
                exit_code=0,
                canary_cpu_ms=canary(number) * source.lognormvariate(0, 0.02),
                canary_loopback_us=40.0 * source.lognormvariate(0, 0.02),
                operations=tuple(
                    OperationFigures(
                        operation=f"op{one:02d}",
                        view="server",
                        samples=900,
                        p95=level_ms * night * factor(number, one) * source.lognormvariate(0, noise),
                    )
                    for one in range(operations)
                ),
            )
        )
    return made


def accused(found: Changes) -> list[str]:
    """Operations that are said to have changed, and not by the machine."""
    return [one.series.operation for one in found.alone if not one.doubt]


def from_night(at: int, factor: float, *which: int) -> Callable[[int, int], float]:
    """A step of some operations, or of all."""
    return lambda night, one: factor if night >= at and (not which or one in which) else 1.0


@pytest.mark.parametrize("seed", range(3))
def test_neighbours_that_come_and_stay_are_the_machine_and_no_operation(seed: int) -> None:
    """A short history, every operation slower since the same night, some more than others; the canary says why."""

    def busier(night: int, one: int) -> float:
        return 1.2 + 0.02 * (one % 10) if night >= 10 else 1.0

    found = changes(nights(20, busier, canary=lambda night: 36.0 if night >= 10 else 30.0, seed=seed))
    assert accused(found) == []
    (together,) = found.together
    assert (together.last.run_id, together.first.run_id) == ("r0009", "r0010")
    assert (len(together.operations), together.asked) == (MANY, MANY)
    assert "the machine is slower since (its canary takes" in told.of_all(together)
    assert 15 <= int(together.doubt.split()[8]) <= 25


def test_what_all_have_in_common_is_told_once_where_the_canary_stays() -> None:
    found = changes(nights(24, from_night(12, 1.25)))
    assert found.alone == ()
    (together,) = found.together
    assert together.doubt == ""
    assert "16 of 16 operations together since 2026-01-13" in told.of_all(together)
    assert "a build that slows what all of them pass" in told.of_all(together)


def test_nights_on_another_machine_are_not_asked() -> None:
    """One that is half as fast: neither its nights nor those before it say anything of the others."""
    found = changes(nights(24, from_night(12, 1.9), canary=lambda night: 57.0 if night >= 12 else 30.0))
    assert found == Changes()
    mixed = nights(30, lambda *_: 1.0, canary=lambda night: 60.0 if night % 5 == 4 else 30.0)
    assert [one.run_id for one in of_one_speed(mixed)] == [f"r{n:04d}" for n in range(30) if n % 5 != 4]
    upgraded = nights(20, lambda *_: 1.0, canary=lambda night: 15.0 if night >= 20 - NOW // 2 - 1 else 30.0)
    assert {one.run_id for one in of_one_speed(upgraded)} == {f"r{n:04d}" for n in range(15, 20)}, "as it is now"


def test_nights_without_a_canary_are_asked() -> None:
    without = [one.model_copy(update={"canary_cpu_ms": None}) for one in nights(30, from_night(15, 1.3, 3))]
    assert accused(changes(without)) == ["op03"]


@pytest.mark.parametrize("seed", range(4))
def test_a_step_of_one_is_dated_through_the_nights_own_noise(seed: int) -> None:
    """Every night is off by a tenth as a whole: more than half of what the operation lost."""
    (found,) = changes(nights(30, from_night(15, 1.3, 7), of_a_night=0.1, seed=seed)).alone
    assert (found.series.operation, found.doubt) == ("op07", "")
    assert abs(found.change.at - 15) <= 2
    assert found.change.ratio == pytest.approx(1.3, abs=0.2), "levels are those of a usual night"


def test_what_the_machine_did_later_is_no_part_of_what_an_operation_did() -> None:
    """One is 40 % slower from night 12 on; all are by a quarter from night 20 on."""
    found = changes(
        nights(30, lambda night, one: (1.4 if night >= 12 and one == 3 else 1) * (1.25 if night >= 20 else 1))
    )
    (alone,), (together,) = found.alone, found.together
    assert (alone.series.operation, alone.first.run_id, together.first.run_id) == ("op03", "r0012", "r0020")
    assert alone.change.ratio == pytest.approx(1.4, abs=0.1)


def test_where_most_became_slower_those_that_did_not_are_not_called_faster() -> None:
    found = changes(nights(30, from_night(15, 1.4, *range(12))))
    assert not [one for one in found.alone if one.change.ratio < 1]
    (together,) = found.together
    assert (len(together.operations), together.asked) == (12, MANY)


def test_a_few_of_them_are_named_each() -> None:
    assert accused(changes(nights(30, from_night(15, 1.4, 2, 5, 11)))) == ["op02", "op05", "op11"]


@pytest.mark.parametrize(("level_ms", "factor"), [(8.0, 1.5), (100.0, 1.08), (100.0, 0.92), (300.0, 1.09)])
def test_what_is_small_is_no_change_however_sure(level_ms: float, factor: float) -> None:
    small = nights(60, from_night(30, factor, 0), level_ms=level_ms, noise=0.004, of_a_night=0.002)
    assert changes(small).alone == ()


@pytest.mark.parametrize("operations", [3, 4, 5, 6])
def test_most_of_a_few_at_once_are_told_together_and_one_of_them_by_name(operations: int) -> None:
    """Too few to have a middle: each is dated, and then they are one change. None is a tenth off the others' middle."""
    found = changes(nights(30, lambda night, one: 1.25 + 0.02 * one if night >= 15 else 1.0, operations=operations))
    assert found.alone == ()
    (together,) = found.together
    assert len(together.operations) == together.asked == operations
    single = changes(nights(30, from_night(15, 1.4, 1), operations=operations))
    assert ([one.series.operation for one in single.alone], single.together) == (["op01"], ())


def test_a_night_in_which_the_others_were_too_short_is_left_out_of_one_that_is_asked_beside_them() -> None:
    short = nights(30, from_night(15, 1.3, 3), of_a_night=0.1)
    few = short[20].operations[3:4]
    short[20] = short[20].model_copy(update={"operations": few})
    (found,) = changes(short).alone
    assert (found.series.operation, len(found.series.nights)) == ("op03", 29)
    assert "r0020" not in {night.run_id for night in found.series.nights}


def test_few_operations_have_no_middle_and_a_canary_that_moved_is_a_doubt() -> None:
    machine = {"canary": lambda night: 34.5 if night >= 15 else 30.0, "operations": 3}
    (found,) = changes(nights(30, from_night(15, 1.35, 1), **machine)).alone  # type: ignore[arg-type]
    assert "doubtful: the machine is slower since (its canary takes 1" in told.of_one(found)
    (certain,) = changes(nights(30, from_night(15, 2.2, 1), **machine)).alone  # type: ignore[arg-type]
    assert certain.doubt == "", "more than such a machine can make"
    (faster,) = changes(nights(30, from_night(15, 0.7, 1), **machine)).alone  # type: ignore[arg-type]
    assert faster.doubt == "", "a slower machine makes nothing faster"


@pytest.mark.parametrize(("since", "doubted"), [(15, True), (16, True), (20, False)])
def test_another_harness_since_the_same_night_is_a_doubt(since: int, doubted: bool) -> None:
    made = [
        one.model_copy(update={"harness": "0.2.0" if number >= since else "0.1.0"})
        for number, one in enumerate(nights(30, from_night(15, 1.4, 3)))
    ]
    (found,) = changes(made).alone
    assert ("the harness is another since (0.1.0, then 0.2.0)" in told.of_one(found)) == doubted


@pytest.mark.parametrize(("since", "doubted"), [(14, False), (16, False), (20, True)])
def test_one_commit_on_both_sides_is_a_doubt(since: int, doubted: bool) -> None:
    made = [
        one.model_copy(update={"commit": "b" * 40 if number >= since else "a" * 40})
        for number, one in enumerate(nights(30, from_night(15, 1.4, 3)))
    ]
    (found,) = changes(made).alone
    assert ("doubtful: all nights around it are of one commit (aaaaaaaaaaaa)" in told.of_one(found)) == doubted


def test_nights_of_one_build_are_rarely_dated() -> None:
    """Forty histories, each of them asked for sixteen operations: at 1 % a history 0.4 are expected."""
    wrong = [seed for seed in range(40) if changes(nights(16, lambda *_: 1.0, of_a_night=0.08, seed=seed)).alone]
    assert len(wrong) <= 2, wrong


def test_few_samples_are_no_figure_and_few_nights_no_series() -> None:
    few = [
        one.model_copy(update={"operations": tuple(row.model_copy(update={"samples": 12}) for row in one.operations)})
        for one in nights(30, from_night(15, 3.0, 0))
    ]
    assert Series.of(few) == []
    assert changes(few) == changes([]) == changes(nights(7, from_night(3, 3.0, 0))) == Changes()


def test_a_run_of_another_plan_is_of_another_kind() -> None:
    """Twice the load makes an operation slower; that is no change of a build."""
    mixed = nights(30, from_night(15, 1.5))
    mixed = [one.model_copy(update={"plan_digest": "e" if n >= 15 else "d"}) for n, one in enumerate(mixed)]
    kinds = every_series(mixed)
    assert [key[-1] for key in kinds] == ["d", "e"]
    assert [changes(runs) for runs in kinds.values()] == [Changes(), Changes()]
