"""Nothing lost, nothing doubled: the ledger held against what the target stores."""
