"""What a run with faults meant: amplification, goodput, herds, queues, retries and recovery, from the record alone."""
