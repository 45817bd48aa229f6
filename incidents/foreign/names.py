"""Names of parts: from what files call them (pods, containers, hosts, queries) to the components of a graph."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable

# A Deployment's pod (`web-7f9dd8b6c4-x7gr9`), its ReplicaSet, a Job's pod.
_POD = re.compile(r"^(.+?)-[0-9a-f]{7,10}-[a-z0-9]{4,5}$")
_REPLICA_SET = re.compile(r"^(.+?)-(?=[0-9a-f]*\d)[0-9a-f]{8,10}$")
_REST = re.compile(r"^(?:-[a-z0-9]{1,12}){1,3}$")
_ORDINAL = re.compile(r"^(.*?[a-z].*?)-?\d{1,3}$", re.IGNORECASE)
_ORDINAL_DASH = re.compile(r"^(.*?[a-z].*?)-\d{1,3}$", re.IGNORECASE)
_KIND = re.compile(r"^(?:[A-Za-z]+(?:\.[a-z0-9.]+)?)/(.+)$")
_PORT = re.compile(r":\d{1,5}$")
_CLUSTER = re.compile(r"^([a-z0-9-]+)\.([a-z0-9-]+)\.svc(?:\..*)?$")
_ON_NODE = re.compile(r"^(node-?\d+)\.(.+)$", re.IGNORECASE)
_PROTOCOL = re.compile(r"-(?:grpc|http|tcp|https)$")
_URL = re.compile(r"^[a-z][a-z0-9+.-]*://(?:[^@/\s]*@)?([^/:?\s]+)")
# Parts of the platform that speak of others.
PLATFORM = re.compile(
    r"^(kubelet|kube-?[a-z-]*|scheduler|default-scheduler|[a-z-]*controller[a-z-]*|cluster-autoscaler|karpenter|"
    r"node-problem-detector|containerd|dockerd|kernel|systemd|event-?exporter|k8s-?events?|kubernetes|argocd.*|flux.*)$",
    re.IGNORECASE,
)
# In this order a label names the component a sample or alert is about.
LABELS = (
    "service_name", "service.name", "service", "destination_workload", "destination_service_name", "app",
    "app_kubernetes_io_name", "app.kubernetes.io/name", "kube_deployment", "kube_stateful_set", "kube_daemon_set",
    "deployment", "statefulset", "daemonset", "workload", "workload_name", "kube_service", "component", "cmdb_id",
    "k8s.deployment.name", "pod", "pod_name", "kube_pod", "k8s.pod.name", "container", "container_name",
    "kube_container",
    "db_instance_identifier", "dbinstanceidentifier", "dbclusteridentifier", "cachecLusterid", "cacheclusterid",
    "functionname", "loadbalancer", "targetgroup", "queuename", "tablename", "clustername", "instanceid",
    "kube_node", "node", "nodename", "host", "hostname", "instance", "job",
)  # fmt: skip
_UNNAMED = frozenset({"", "POD", "istio-proxy", "unknown", "none", "null", "<none>", "-"})


def of_labels(labels: dict[str, object], order: Iterable[str] = LABELS) -> str:
    """What the labels of a sample are about, "" when none says."""
    low = {str(k).lower(): v for k, v in labels.items()}
    for name in order:
        value = low.get(name.lower())
        if isinstance(value, str) and value.strip() not in _UNNAMED:
            return value.strip()
    return ""


def bare(name: str) -> str:
    """Without kind, namespace, port, protocol and cluster domain."""
    name = name.strip().strip('"')
    if found := _URL.match(name):
        name = found[1]
    if found := _KIND.match(name):
        name = found[1].rsplit("/", 1)[-1]
    name = _PORT.sub("", name)
    if found := _CLUSTER.match(name):
        name = found[1]
    return name


def on_node(name: str) -> tuple[str, str]:
    """(what, node) of `node-6.adservice2-0`; the node is "" for other names."""
    found = _ON_NODE.match(name)
    return (found[2], found[1]) if found else (name, "")


class Names:
    """Resolves every name to a component. `known`: names that stand for components themselves."""

    def __init__(self, known: Iterable[str], owners: dict[str, str], kinds: dict[str, str]) -> None:
        self.owners = {bare(k): bare(v) for k, v in owners.items() if v}
        self.kinds = kinds
        self.known = {bare(k) for k in known if k} - self.owners.keys()
        self._by_length = sorted(self.known, key=len, reverse=True)
        self._cache: dict[str, str] = {}

    def component(self, name: str) -> str:
        """The component a name stands for; "" for what is part of the platform or has no name."""
        found = self._cache.get(name)
        if found is None:
            found = self._cache[name] = self._component(name)
        return found

    def _component(self, raw: str) -> str:
        name, _ = on_node(bare(raw))
        for _ in range(4):
            owner = self.owners.get(name)
            if owner is None or owner == name:
                break
            name = owner
        if name in _UNNAMED or (PLATFORM.match(name) and name not in self.kinds):
            return ""
        if name in self.known:
            return name
        if found := _POD.match(name) or _REPLICA_SET.match(name):
            return found[1]
        for known in self._by_length:
            rest = name[len(known) :]
            if name.startswith(known) and _REST.match(rest) and any(c.isdigit() for c in rest):
                return known if not _ORDINAL_DASH.fullmatch(name) or rest.count("-") > 1 else name
        short = _PROTOCOL.sub("", name)
        if short in self.known:
            return short
        return self._short_host(name)

    def _short_host(self, name: str) -> str:
        """`adservice.ts` is `adservice`, where that is known; a node's full name stays what it is."""
        first = name.split(".", 1)[0]
        return first if first != name and first in self.known else name

    def mentioned(self, text: str, among: Iterable[str]) -> list[str]:
        """The components that a text names, the longest names first."""
        found: list[str] = []
        low = text.lower()
        for name in sorted(among, key=len, reverse=True):
            forms = (
                {name.lower(), name.lower().split(".", 1)[0]}
                if len(name.split(".", 1)[0]) > 4
                else {name.lower()}
            )
            for form in forms:
                if form and re.search(rf"(?<![a-z0-9_-]){re.escape(form)}(?![a-z0-9_])", low):
                    found.append(name)
                    low = re.sub(rf"(?<![a-z0-9_-]){re.escape(form)}(?![a-z0-9_])", " ", low)
                    break
        return found


def groups(components: Iterable[str]) -> dict[str, list[str]]:
    """Replicas of one thing: names that differ in their last number only, two or more."""
    found: dict[str, list[str]] = defaultdict(list)
    for name in sorted(components):
        hit = _ORDINAL.match(name)
        if hit and not re.match(r"^(?:ip-|node|host|worker|i-)", name, re.IGNORECASE):
            found[hit[1]].append(name)
    return {base: names for base, names in found.items() if len(names) > 1}
