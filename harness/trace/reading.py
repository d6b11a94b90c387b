"""A recording from a file that somebody named."""

from __future__ import annotations

from pathlib import Path

from harness.config.text_file import read_bytes, shown
from harness.core.errors import UsageError
from harness.trace import har, lines
from harness.trace.lines import BadRecording
from harness.trace.model import TraceRecording

LARGEST = 400_000_000
"""Bytes: a HAR with all replies of an hour."""


def read_recording(path: Path) -> TraceRecording:
    """HAR or JSON lines, told apart by their content. :raises UsageError: neither, or there is nothing in it."""
    data = read_bytes(path, "recording", limit=LARGEST)
    try:
        recording = har.recording_of(data) if har.is_har(data) else lines.recording_of(data)
    except BadRecording as error:
        raise UsageError(
            str(error),
            where=shown(path),
            remedy="save it with Chrome's developer tools as HAR with content, or with `harness trace record`",
        ) from None
    if not any(flow.events for flow in recording.flows):
        raise UsageError(
            "this recording holds no request to Supabase",
            where=shown(path),
            remedy="record with the network panel open before the app is loaded",
        )
    return recording
