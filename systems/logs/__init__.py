"""Logs in any dialect: raw bytes -> lines -> records -> templates.

`carriers` takes off what others put around a line (an engine, a shipper), `dialects` finds the level where it stands,
`traces` says which lines belong together, `joining` makes the records.
"""
