"""What each form of alerts, metrics and logs says: whose, when (whatever the zone), how bad; and one that is broken is
named, and costs nothing of the others."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from incidents.foreign.facts import Alert, Facts
from incidents.foreign.reading import read

AT = datetime(2026, 5, 2, 10, 0, tzinfo=UTC).timestamp()
GRAFANA = {
    "receiver": "ops", "status": "firing", "orgId": 1, "groupLabels": {"alertname": "HighErrorRate"},
    "commonLabels": {"alertname": "HighErrorRate", "grafana_folder": "shop"}, "title": "[FIRING:1] HighErrorRate",
    "alerts": [
        {"status": "firing", "labels": {"alertname": "HighErrorRate", "service": "basket", "severity": "critical"},
         "annotations": {"summary": "5xx above 5 %"}, "startsAt": "2026-05-02T12:00:00+02:00",
         "endsAt": "0001-01-01T00:00:00Z", "valueString": "[ var='A' labels={} value=7 ]", "fingerprint": "ab12"},
        {"status": "resolved", "labels": {"alertname": "HighErrorRate", "service": "search"}, "annotations": {},
         "startsAt": "2026-05-02T03:00:00-07:00", "endsAt": "2026-05-02T10:04:00Z"},
    ],
}  # fmt: skip
DATADOG = {"monitors": [
    {"id": 7, "name": "basket errors", "type": "query alert", "overall_state": "Alert", "tags": ["service:basket"],
     "query": "sum(last_5m):sum:trace.http.errors{service:basket} > 5", "message": "too many",
     "overall_state_modified": "2026-05-02T10:00:00+00:00"},
    {"id": 8, "name": "search latency", "type": "query alert", "overall_state": "OK", "tags": ["service:search"],
     "query": "avg(last_5m):p95:trace.http.duration{service:search} > 1", "message": "slow",
     "overall_state_modified": "2026-05-02T06:00:00-04:00"},
    {"id": 9, "name": "new one", "overall_state": "No Data", "query": "avg:x{service:search}", "tags": []},
]}  # fmt: skip


def _read(tmp_path: Path, **files: Any) -> Facts:
    for name, data in files.items():
        (tmp_path / f"{name}.json").write_text(data if isinstance(data, str) else json.dumps(data))
    return read(tmp_path)


def _alert(facts: Facts, component: str) -> Alert:
    (found,) = [a for a in facts.alerts if a.component == component]
    return found


def test_alerts_of_grafana(tmp_path: Path) -> None:
    facts = _read(tmp_path, grafana=GRAFANA)
    basket, search = _alert(facts, "basket"), _alert(facts, "search")
    assert (basket.name, basket.firing, basket.measured) == ("HighErrorRate", True, False)
    assert (basket.at, basket.until) == (AT, None) and "5xx above 5 %" in basket.text
    assert (search.firing, search.at, search.until) == (False, AT, AT + 240)


def test_monitors_of_datadog(tmp_path: Path) -> None:
    facts = _read(tmp_path, monitors=DATADOG)
    assert len(facts.alerts) == 2  # one without data says nothing
    basket, search = _alert(facts, "basket"), _alert(facts, "search")
    assert (basket.firing, basket.measured, basket.at) == (True, True, AT)
    assert (search.firing, search.measured, search.at) == (False, True, AT)


def test_metrics_of_cloudwatch(tmp_path: Path) -> None:
    stamps = ["2026-05-02T12:01:00+02:00", "2026-05-02T10:00:00Z"]
    data = {"MetricDataResults": [{"Id": "m1", "Label": "orders-db CPUUtilization", "Timestamps": stamps,
                                   "Values": [91.5, 12.25], "StatusCode": "Complete"}]}  # fmt: skip
    statistics = {"Label": "DatabaseConnections", "Namespace": "AWS/RDS", "MetricName": "DatabaseConnections",
                  "Dimensions": [{"Name": "DBInstanceIdentifier", "Value": "orders-db"}],
                  "Datapoints": [{"Timestamp": stamps[1], "Average": 41.0, "Unit": "Count"}]}  # fmt: skip
    facts = _read(tmp_path, data=data, statistics=statistics)
    cpu = facts.series["orders-db", "CPUUtilization"]
    assert sorted(zip(cpu.times, cpu.values, strict=True)) == [(AT, 12.25), (AT + 60, 91.5)]
    (used,) = [
        s for (who, name), s in facts.series.items() if (who, name) == ("orders-db", "DatabaseConnections")
    ]
    assert (list(used.times), list(used.values)) == ([AT], [41.0])


LOKI = {"status": "success", "data": {"resultType": "streams", "result": [
    {"stream": {"app": "basket", "level": "error", "namespace": "shop"},
     "values": [[f"{int(AT)}000000000", "connection refused by orders-db"]]},
    {"stream": {"app": "basket", "level": "info"}, "values": [[f"{int(AT) + 1}000000000", "GET /cart 200"]]},
]}}  # fmt: skip
ELASTIC = {"took": 3, "hits": {"total": {"value": 2}, "hits": [
    {"_index": "logs-1", "_id": "a", "_source": {
        "@timestamp": "2026-05-02T15:30:00.000+05:30", "log": {"level": "error"}, "service": {"name": "basket"},
        "message": "connection refused by orders-db"}},
    {"_index": "logs-1", "_id": "b", "_source": {
        "@timestamp": "2026-05-02T10:00:01Z", "log.level": "info", "service.name": "basket",
        "message": "GET /cart 200"}},
]}}  # fmt: skip
FORMS = {"Loki": LOKI, "Elasticsearch": ELASTIC}


@pytest.mark.parametrize("form", FORMS)
def test_logs(form: str, tmp_path: Path) -> None:
    facts = _read(tmp_path, export=FORMS[form])
    bad = [k for k in facts.logs.kinds.values() if k.rank >= 2]
    assert [(k.component, k.first, k.text) for k in bad] == [
        ("basket", AT, "connection refused by orders-db")
    ]
    assert (facts.logs.lines, facts.logs.first, facts.logs.last) == (2, AT, AT + 1)


@pytest.mark.parametrize("broken", ["grafana", "monitors", "metrics", "loki", "elastic"])
def test_one_that_breaks_off_is_named_and_costs_nothing_of_the_others(broken: str, tmp_path: Path) -> None:
    good = {"grafana": GRAFANA, "monitors": DATADOG, "loki": LOKI, "elastic": ELASTIC, "metrics": {
        "MetricDataResults": [{"Label": "orders-db CPUUtilization", "Timestamps": ["2026-05-02T10:00:00Z"],
                               "Values": [12.25]}]}}  # fmt: skip
    text = json.dumps(good[broken])
    facts = _read(tmp_path, **{k: text[: len(text) // 3] if k == broken else v for k, v in good.items()})
    assert any(note.startswith(f"{broken}.json") for note in facts.notes), facts.notes
    kept = {"alerts": broken not in ("grafana", "monitors"), "points": broken != "metrics"}
    assert len(facts.alerts) >= (4 if kept["alerts"] else 2)
    assert facts.points == (1 if kept["points"] else 0)
    assert facts.logs.lines >= (4 if broken not in ("loki", "elastic") else 2)


@pytest.mark.parametrize(
    "wrong",
    [
        {"stream": {"app": "x"}, "values": [["no time"], None, 7]},
        {"alerts": "none", "receiver": "r", "groupKey": "g", "commonLabels": {"service": 5}},
        {"MetricDataResults": [{"Label": "a b", "Timestamps": ["never"], "Values": ["much"]}]},
        {"took": 3, "hits": {"hits": ["text", {"_source": "none"}]}},
        {"monitors": [{"overall_state": 3, "name": None, "query": 1, "tags": "a"}]},
    ],
    ids=["loki", "grafana", "cloudwatch", "elastic", "datadog"],
)
def test_one_of_another_making_hurts_nothing(wrong: Any, tmp_path: Path) -> None:
    facts = _read(tmp_path, wrong=wrong, good=GRAFANA, logs=LOKI)
    assert _alert(facts, "search").until == AT + 240
    assert facts.logs.lines >= 2 and not facts.points
    assert any(note.startswith("wrong.json") for note in facts.notes), facts.notes
