"""The outside world: quote providers that are not ours."""
