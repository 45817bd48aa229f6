"""What is put back of settings: a golden copy, an environment, whatever the ledger saw change."""
