"""A comparison in words and as JSON. (pure)"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from harness.trace.comparison import FlowComparison, TraceClass, TraceComparison, TraceCount
from harness.trace.differences import DifferenceKind, TraceDifference


def percent(share: float) -> str:
    """Rounded down: 100 % means everything."""
    return f"{int(share * 1000) / 10:.1f} %"


def counted(count: TraceCount) -> str:
    extra = f", {count.extra} more on the phone" if count.extra else ""
    return f"{count.matching} of {count.recorded} alike{extra}"


def lines(comparison: TraceComparison) -> Iterator[str]:
    """For a terminal: the share of each flow, then what differs. Headers that differ are told once for all calls."""
    yield f"{'flow':<24} {'share':>8}  {'alike':>9}  {'extra':>5}  differences"
    for flow in comparison.flows:
        count, unknown = flow.count, sum(not one.known for one in flow.differences)
        alike = f"{count.matching}/{count.recorded}"
        known = len(flow.differences) - unknown
        told = f"{unknown}" + (f" and {known} known" if known else "")
        yield f"{flow.name:<24} {percent(count.share):>8}  {alike:>9}  {count.extra:>5}  {told}"
    yield f"{'all':<24} {percent(comparison.count.share):>8}  {counted(comparison.count)}"
    for kind in TraceClass:
        count = comparison.of_class(kind)
        if count.recorded or count.extra:
            yield f"{'  ' + kind.value:<24} {percent(count.share):>8}  {counted(count)}"
    if any(one.known for one in comparison.differences):
        yield f"{'  with the allow list':<24} {percent(comparison.accounted):>8}"
    if not comparison.preflights:
        yield "the recording shows no preflights (OPTIONS), so those of the phone were not compared"
    for flow in comparison.flows:
        yield from _differing(flow)
    yield from _headers(comparison)
    for entry in comparison.unused:
        yield f"allow list: {entry} no longer occurs; take it out"


def _differing(flow: FlowComparison) -> Iterator[str]:
    shown = [one for one in flow.differences if one.kind is not DifferenceKind.HEADER]
    if flow.note or any(not one.known for one in shown):
        yield ""
        yield f"{flow.name}" + (f": {flow.note}" if flow.note else "")
    for one in sorted(shown, key=lambda one: (one.t, one.what)):
        if not one.known:
            yield f"  {one.t:7.2f} s  {sentence(one)}"


def sentence(one: TraceDifference) -> str:
    """`missing 4x  GET /rest/v1/lists  ...`"""
    times = f" {one.count}x" if one.count > 1 else ""
    detail = f": {one.detail}" if one.detail else ""
    return f"{one.kind.value}{times}  {one.what}{detail}"


def _headers(comparison: TraceComparison) -> Iterator[str]:
    found: dict[str, tuple[int, set[str]]] = defaultdict(lambda: (0, set()))
    for one in comparison.unknown:
        if one.kind is DifferenceKind.HEADER:
            count, calls = found[one.detail]
            found[one.detail] = count + one.count, calls | {one.what}
    if found:
        yield ""
        yield "headers"
    for detail, (count, calls) in sorted(found.items(), key=lambda item: -item[1][0]):
        few = ", ".join(sorted(calls)) if len(calls) <= 3 else f"{len(calls)} different calls"
        yield f"  {count}x  {detail}  ({few})"


def as_json(comparison: TraceComparison) -> dict[str, Any]:
    """Everything, for programs; instants in seconds of their flow."""
    return {
        "share": round(comparison.count.share, 4),
        "share_with_allow_list": round(comparison.accounted, 4),
        "preflights_compared": comparison.preflights,
        "classes": {kind.value: _count(comparison.of_class(kind)) for kind in TraceClass},
        "unknown": len(comparison.unknown),
        "unused": list(comparison.unused),
        "flows": [_flow(flow) for flow in comparison.flows],
    }


def _count(count: TraceCount) -> dict[str, Any]:
    numbers = {"alike": count.matching, "recorded": count.recorded, "extra": count.extra}
    return {"share": round(count.share, 4), **numbers}


def _flow(flow: FlowComparison) -> dict[str, Any]:
    return {
        "name": flow.name,
        **_count(flow.count),
        "note": flow.note,
        "differences": [
            {
                "kind": one.kind.value,
                "what": one.what,
                "detail": one.detail,
                "count": one.count,
                "t": round(one.t, 3),
                "known": one.known,
            }
            for one in flow.differences
        ],
    }
