"""What was seen and believed, and when: the ledger, the versions, the runs, the outbox."""
