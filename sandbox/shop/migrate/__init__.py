"""Schema migrations: numbered SQL files with an up and a down part, applied step by step."""
