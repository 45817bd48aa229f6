"""Have the proxy send the traffic of a service to the service itself again."""

from __future__ import annotations

from actions.catalogue.traffic.route_to_backup import RouteToBackup


class RouteToPrimary(RouteToBackup):
    slug = "route-to-primary"
    title = "Route traffic back from the backup"
    aliases = ("route-back",)
    use_backup = False
    ended_by, over_when = "", ""
