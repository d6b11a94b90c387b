"""Metrics as Prometheus reads them: its text format, version 0.0.4. (pure)"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from harness.live.families import Family, HistogramPoint, Labels

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def render(families: Iterable[Family]) -> str:
    """The text, ending in a line end."""
    return "".join(line + "\n" for family in families for line in _family(family))


def _family(family: Family) -> Iterator[str]:
    name = f"{family.name}_total" if family.kind == "counter" else family.name
    help_ = family.help.replace("\\", "\\\\").replace("\n", "\\n")
    yield f"# HELP {name} {help_}"
    yield f"# TYPE {name} {family.kind}"
    for point in family.points:
        if isinstance(point, HistogramPoint):
            yield from _histogram(name, point)
        else:
            yield f"{name}{_labels(point.labels)} {_number(point.value)}"


def _histogram(name: str, point: HistogramPoint) -> Iterator[str]:
    for bound, number in zip(point.bounds, point.at_most, strict=True):
        yield f"{name}_bucket{_labels((*point.labels, ('le', _number(bound))))} {number}"
    yield f"{name}_bucket{_labels((*point.labels, ('le', '+Inf')))} {point.samples}"
    yield f"{name}_sum{_labels(point.labels)} {_number(point.total)}"
    yield f"{name}_count{_labels(point.labels)} {point.samples}"


def _labels(labels: Labels) -> str:
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels) + "}" if labels else ""


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() and abs(value) < 2**53 else repr(float(value))
