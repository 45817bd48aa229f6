"""The ledger: the settled values of a system, what changed of them and when, what was done, and what runs out."""
