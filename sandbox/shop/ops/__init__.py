"""What the people who run the shop do by hand: small programs, run beside the part that they concern."""
