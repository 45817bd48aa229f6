"""The API of the shop: FastAPI over Postgres, Redis and a quote provider."""
