"""What one channel heard: copies, and changes out of order."""

from __future__ import annotations

from harness.client.realtime.change_tracker import ChangeTracker


def test_a_tracker_knows_a_copy_and_a_change_out_of_order() -> None:
    tracker = ChangeTracker()
    assert not tracker.doubled("messages", "INSERT", "a", 5)
    assert not tracker.doubled("messages", "UPDATE", "a", 5)
    assert not tracker.doubled("messages", "INSERT", "a", 6)
    assert tracker.doubled("messages", "INSERT", "a", 5)
    assert [tracker.misordered("messages", commit) for commit in (5, 7, 6, 7)] == [False, False, True, False]
    assert not tracker.misordered("message_reactions", 1)  # order is a table's own
    assert tracker.latest_us == 7


def test_a_tracker_forgets_the_oldest() -> None:
    tracker = ChangeTracker()
    for number in range(ChangeTracker.KEPT + 1):
        tracker.doubled("messages", "INSERT", str(number), None)
    assert not tracker.doubled("messages", "INSERT", "0", None)
    assert tracker.doubled("messages", "INSERT", str(ChangeTracker.KEPT), None)
