"""The front proxy: routes, health checks, circuit breaker and rate limits."""
