"""What the target holds after a run: read once, kept in the record, judged by `reports.integrity`."""
