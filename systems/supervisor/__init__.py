"""A small process supervisor: `python -m systems.supervisor PROCESSES.yaml`.

Standard library, psutil, yaml and setproctitle only: it must start fast and never import Django.
"""
