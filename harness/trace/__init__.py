"""Is the phone still the real client? Recordings of the real one, replayed by a phone, and what differs."""
