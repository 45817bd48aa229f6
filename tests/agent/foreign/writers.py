"""A simulated shop, written down as the public formats have it."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.agent.foreign.shop import Shop


def iso(t: float) -> str:
    return datetime.fromtimestamp(t, UTC).isoformat().replace("+00:00", "Z")


def _json(path: Path, data: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(data))


def _csv(path: Path, header: list[str], rows: Iterable[list[Any]], delimiter: str = ",") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        out = csv.writer(file, delimiter=delimiter)
        out.writerow(header)
        out.writerows(rows)


def wide(shop: Shop, out: Path) -> None:
    """RCAEval RE1: a column `<service>_<metric>` each, and the time of injection."""
    short = {"cpu": "cpu", "memory": "mem", "disk": "diskio", "sockets": "socket", "requests": "load",
    "latency": "latency",
             "errors": "error"}  # fmt: skip
    columns = [(n, m) for n in shop.names for m in short]
    rows = ([t, *(shop.metrics[n][m][i] for n, m in columns)] for i, t in enumerate(shop.times))
    _csv(out / "data.csv", ["time", *(f"{n}_{short[m]}" for n, m in columns)], rows)


def wide_told(shop: Shop, out: Path) -> None:
    wide(shop, out)
    (out / "inject_time.txt").write_text(f"{shop.inject}\n")


def wide_container(shop: Shop, out: Path) -> None:
    """RCAEval RE2 and RE3: cAdvisor's and Istio's names, logs and traces as tables."""
    full = {"cpu": "container-cpu-usage-seconds-total", "memory": "container-memory-working-set-bytes",
            "disk": "container-fs-writes-bytes-total", "sockets": "container-sockets",
            "requests": "istio-request-total",
            "latency": "istio-latency-90", "errors": "istio-error-total",
            "network": "container-network-receive-bytes-total"}  # fmt: skip
    columns = [(n, m) for n in shop.names for m in full]
    rows = ([t, *(shop.metrics[n][m][i] for n, m in columns)] for i, t in enumerate(shop.times))
    _csv(out / "metrics.csv", ["time", *(f"{n}_{full[m]}" for n, m in columns)], rows)
    _csv(out / "logs.csv", ["time", "timestamp", "container_name", "message", "level", "req_path", "error"],
         ([iso(t)[11:19], int(t * 1e9), n, text, level, "/", ""] for t, n, level, text in shop.logs))  # fmt: skip
    header = "time,traceID,spanID,serviceName,methodName,operationName,startTimeMillis,startTime,duration,statusCode"
    _csv(out / "traces.csv", [*header.split(","), "parentSpanID"],
         ([iso(s.at)[11:16], s.trace, s.id, s.service, "Call", "Call", int(s.at * 1e3), int(s.at * 1e6),
         int(s.took * 1e6),
           2 if s.failed else 0, s.parent] for s in shop.spans))  # fmt: skip
    (out / "inject_time.txt").write_text(str(shop.inject))


def long(shop: Shop, out: Path) -> None:
    """OpenRCA: cmdb_id, kpi_name, value; a table of services; spans and logs as tables."""
    names = {"cpu": "OSLinux-CPU_CPU_CPUCpuUtil", "memory": "OSLinux-OSLinux_MEMORY_MEMORY_MEMUsedMemPerc",
             "disk": "OSLinux-OSLinux_LOCALDISK_LOCALDISK-sda_DSKWrite",
             "sockets": "OSLinux-TCP_ESTABLISHED_connections",
             "network": "OSLinux-OSLinux_NETWORK_NETWORK_NETBytesSent"}  # fmt: skip
    top = {n: max(shop.metrics[n]["memory"]) * 1.1 for n in shop.names}
    rows = []
    for i, t in enumerate(shop.times):
        if t % 60 < 5:
            for n in shop.names:
                for m, kpi in names.items():
                    value = shop.metrics[n][m][i]
                    value = value * 20 if m == "cpu" else value / top[n] * 100 if m == "memory" else value
                    rows.append([t, n, kpi, round(value, 4)])
    _csv(out / "metric" / "metric_container.csv", ["timestamp", "cmdb_id", "kpi_name", "value"], rows)
    _csv(out / "metric" / "metric_service.csv", ["service", "timestamp", "rr", "sr", "mrt", "count"],
         ([n, t, 100.0, max(0.0, 100 - shop.metrics[n]["errors"][i]), shop.metrics[n]["latency"][i] * 1e3,
         int(shop.metrics[n]["requests"][i] * 60)]
          for i, t in enumerate(shop.times) if t % 60 < 5 for n in shop.names))  # fmt: skip
    _csv(out / "trace" / "trace_span.csv", ["timestamp", "cmdb_id", "parent_id", "span_id", "trace_id", "duration"],
         ([int(s.at * 1e3), s.service, s.parent, s.id, s.trace, int(s.took * 1e3)] for s in shop.spans))  # fmt: skip
    _csv(out / "log" / "log_service.csv", ["log_id", "timestamp", "cmdb_id", "log_name", "value"],
         ([f"id{i}", int(t), n, f"log_{n}-service_application", f"severity: {level}, message: {text}"]
          for i, (t, n, level, text) in enumerate(shop.logs)))  # fmt: skip


PROM = {"cpu": "container_cpu_usage_cores", "memory": "container_memory_working_set_bytes",
"disk": "container_fs_writes_bytes",
        "sockets": "container_sockets", "requests": "http_requests_per_second",
        "latency": "http_request_duration_seconds_p95",
        "errors": "http_requests_errors_per_second", "network": "container_network_transmit_bytes"}  # fmt: skip


def query_range(shop: Shop, out: Path) -> None:
    """Prometheus' HTTP API, a file for each query, pods in the labels."""
    for m, name in PROM.items():
        result = [
            {"metric": {"__name__": name, "namespace": "shop", "pod": f"{n}-7f9dd8b6c4-x{i}gr9", "service": n},
             "values": [[t, str(v)] for t, v in zip(shop.times, shop.metrics[n][m], strict=True)]}
            for i, n in enumerate(shop.names)
        ]  # fmt: skip
        _json(out / f"{m}.json", {"status": "success", "data": {"resultType": "matrix", "result": result}})


def prometheus_text(shop: Shop, out: Path) -> None:
    rows = []
    for m, name in PROM.items():
        rows.append(f"# TYPE {name} gauge")
        for n in shop.names:
            rows += [
                f'{name}{{service="{n}"}} {v} {t * 1000}'
                for t, v in zip(shop.times, shop.metrics[n][m], strict=True)
            ]
    (out / "metrics.prom").write_text("\n".join(rows) + "\n")


def cloudwatch(shop: Shop, out: Path) -> None:
    """GetMetricData."""
    names = {"cpu": ("CPUUtilization", "Percent"), "memory": ("MemoryUtilization", "Percent"),
    "requests": ("RequestCount", "Count"),
             "latency": ("TargetResponseTime", "Seconds"), "errors": ("HTTPCode_Target_5XX_Count", "Count"),
             "sockets": ("ActiveConnectionCount", "Count"), "disk": ("WriteIOPS", "Count/Second")}  # fmt: skip
    rows = []
    for n in shop.names:
        top = max(shop.metrics[n]["memory"]) * 1.2
        for i, (m, (name, _)) in enumerate(names.items()):
            values = [
                v * 20 if m == "cpu" else v / top * 100 if m == "memory" else v for v in shop.metrics[n][m]
            ]
            rows.append(
                {
                    "Id": f"m{i}",
                    "Label": f"{n} {name}",
                    "Timestamps": [iso(t) for t in shop.times][::-1],
                    "Values": values[::-1],
                    "StatusCode": "Complete",
                }
            )
    _json(out / "get-metric-data.json", {"MetricDataResults": rows, "Messages": []})


def cloudwatch_statistics(shop: Shop, out: Path) -> None:
    names = {
        "cpu": "CPUUtilization",
        "requests": "RequestCount",
        "latency": "Latency",
        "errors": "5XXError",
        "sockets": "DatabaseConnections",
    }
    for n in shop.names:
        for m, name in names.items():
            points = [
                {"Timestamp": iso(t), "Average": v * (20 if m == "cpu" else 1), "Unit": "Count"}
                for t, v in zip(shop.times, shop.metrics[n][m], strict=True)
            ]
            _json(out / f"{n}-{name}.json", {"Namespace": "AWS/X", "MetricName": name,
            "Dimensions": [{"Name": "ServiceName", "Value": n}],
                                             "Label": name, "Datapoints": points})  # fmt: skip


def datadog(shop: Shop, out: Path) -> None:
    series = [
        {"metric": f"app.{PROM[m].replace('_', '.')}", "scope": f"service:{n},env:prod", "display_name": PROM[m],
        "unit": None,
         "pointlist": [[t * 1000.0, v] for t, v in zip(shop.times, shop.metrics[n][m], strict=True)]}
        for n in shop.names for m in PROM
    ]  # fmt: skip
    _json(out / "query.json", {"status": "ok", "series": series})
    _json(out / "logs.json", {"data": [
        {"id": str(i), "type": "log", "attributes": {"timestamp": iso(t), "service": n, "status": level,
        "message": text, "tags": ["env:prod"]}}
        for i, (t, n, level, text) in enumerate(shop.logs)]})  # fmt: skip


def otlp(shop: Shop, out: Path) -> None:
    blocks = []
    for n in shop.names:
        spans = [
            {"traceId": s.trace, "spanId": s.id, "parentSpanId": s.parent, "name": "call", "kind": 2,
             "startTimeUnixNano": str(int(s.at * 1e9)), "endTimeUnixNano": str(int((s.at + s.took) * 1e9)),
             "status": {"code": 2 if s.failed else 0}, "attributes": [{"key": "http.method",
             "value": {"stringValue": "GET"}}]}
            for s in shop.spans if s.service == n
        ]  # fmt: skip
        blocks.append({"resource": {"attributes": [{"key": "service.name", "value": {"stringValue": n}}]},
                       "scopeSpans": [{"scope": {"name": "x"}, "spans": spans}]})  # fmt: skip
    _json(out / "traces.json", {"resourceSpans": blocks})


def jaeger(shop: Shop, out: Path) -> None:
    traces: dict[str, list[Any]] = {}
    for s in shop.spans:
        refs = [{"refType": "CHILD_OF", "traceID": s.trace, "spanID": s.parent}] if s.parent else []
        traces.setdefault(s.trace, []).append({
            "traceID": s.trace, "spanID": s.id, "operationName": "op", "references": refs, "startTime": int(s.at * 1e6),
            "duration": int(s.took * 1e6), "processID": f"p{shop.names.index(s.service)}",
            "tags": [{"key": "error", "type": "bool", "value": s.failed}, {"key": "span.kind",
            "value": "server"}]})  # fmt: skip
    processes = {f"p{i}": {"serviceName": n, "tags": []} for i, n in enumerate(shop.names)}
    _json(
        out / "jaeger.json",
        {"data": [{"traceID": t, "spans": spans, "processes": processes} for t, spans in traces.items()]},
    )


def zipkin(shop: Shop, out: Path) -> None:
    _json(out / "spans.json", [
        {"traceId": s.trace, "id": s.id, **({"parentId": s.parent} if s.parent else {}), "kind": "SERVER",
        "name": "get",
         "timestamp": int(s.at * 1e6), "duration": int(s.took * 1e6), "localEndpoint": {"serviceName": s.service},
         "tags": {"error": "500"} if s.failed else {}}
        for s in shop.spans])  # fmt: skip


def collector_tables(shop: Shop, out: Path) -> None:
    """ITBench: what the collectors stored, as TSV; alerts of Prometheus; objects and events of Kubernetes."""
    _csv(out / "otel_traces_raw.tsv", ["Timestamp", "TraceId", "SpanId", "ParentSpanId", "SpanName", "SpanKind",
    "ServiceName", "Duration", "StatusCode", "StatusMessage"],
         ([iso(s.at), s.trace, s.id, s.parent, "call", "Server", s.service, int(s.took * 1e9),
         "Error" if s.failed else "Unset", ""] for s in shop.spans), "\t")  # fmt: skip
    _csv(out / "otel_logs_raw.tsv", ["Timestamp", "TraceId", "SeverityText", "SeverityNumber", "ServiceName", "Body"],
         ([iso(t), "", level.upper(), {"info": 9, "warn": 13, "error": 17}[level], n, text] for t, n, level,
         text in shop.logs), "\t")  # fmt: skip
    objects = [{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": n, "namespace": "shop"},
    "spec": {"replicas": 1},
                "status": {"readyReplicas": 1, "availableReplicas": 1}} for n in shop.names]  # fmt: skip
    _csv(
        out / "k8s_objects_raw.tsv",
        ["Timestamp", "Body"],
        ([iso(shop.times[-1]), json.dumps(o)] for o in objects),
        "\t",
    )
    alerts = [{"labels": {"alertname": "RequestErrorRate", "service_name": shop.names[0],
    "severity": "critical"}, "annotations": {"description": "errors"},
               "state": "firing", "activeAt": iso(shop.inject + 90), "value": "1e+00"}]  # fmt: skip
    _json(out / "alerts" / "alerts_in_alerting_state.json", {"status": "success", "data": {"alerts": alerts}})


def topology(shop: Shop, out: Path) -> None:
    _json(out / "topology.json", {"nodes": [{"id": f"n{i}", "name": n, "kind": "Service"} for i,
    n in enumerate(shop.names)],
                                  "edges": [{"source": f"n{shop.names.index(a)}",
                                  "target": f"n{shop.names.index(b)}", "type": "calls"} for a,
                                  b in shop.edges]})  # fmt: skip


METRIC_FORMATS = (
    wide,
    wide_told,
    wide_container,
    long,
    query_range,
    prometheus_text,
    cloudwatch,
    cloudwatch_statistics,
    datadog,
)
TRACE_FORMATS = (otlp, jaeger, zipkin, collector_tables)
