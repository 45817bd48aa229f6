"""Incidents of systems never seen: files of any form into facts, and facts into evidence.

`reading` turns a folder, an archive or single files into `Facts` (recognised by content, never by name),
`evidence` turns
facts into states of general signals, a dependency graph and changes. No database, no network; everything is bounded.
"""
