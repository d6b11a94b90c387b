"""Whether a run survived its one fault: what `harness tip` asks of each of its runs. (pure)"""

from __future__ import annotations

from harness.run.tipping_point import TippingProbe
from reports.verdict import Verdict


def fate(verdict: Verdict, seconds: float, recover_s: float) -> TippingProbe:
    """Of a run whose fault lasted `seconds`: survived when everything was as before within `recover_s` after it."""
    if verdict.verdict == "aborted":
        return TippingProbe(seconds, "cannot tell", "the run was aborted")
    if verdict.vetoes:
        row = verdict.vetoes[0]
        return TippingProbe(seconds, "cannot tell", f"the generator was not fit: {row.check} {row.value}")
    found = verdict.recovery
    if found is None or not found.faults:
        return TippingProbe(seconds, "cannot tell", "the fault never began")
    if found.faults[0].missing:
        return TippingProbe(seconds, "cannot tell", found.faults[0].missing)
    if found.baseline is None:
        return TippingProbe(seconds, "cannot tell", found.baseline_note)
    back = found.faults[0].recovered
    if back.after_s is not None and back.after_s <= recover_s:
        return TippingProbe(seconds, "survived", back.text)
    return TippingProbe(seconds, "not survived", back.text if back.status != "unknown" else back.note)
