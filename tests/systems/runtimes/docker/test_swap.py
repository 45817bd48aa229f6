"""Networks, releases and replicas: containers in another's place or beside it."""

from __future__ import annotations

from pathlib import Path

import pytest

from systems.runtimes import RuntimeFailed, StaleFence, connect
from tests.systems.runtimes import docker_bench
from tests.systems.runtimes.docker_bench import ALWAYS, SLEEPER, TALKER, Compose, runtime_of
from tests.systems.supervisor.harness import eventually, free_port


def test_a_cut_network_comes_back_with_its_names(project: Compose, tmp_path: Path) -> None:
    back, front = project.network("back"), project.network("front")
    made = project.container("db", SLEEPER, image=project.image("1.0"), network=back)
    project.api.connect_container_to_network(made, front, aliases=["store"])
    runtime = runtime_of(project, tmp_path)

    def names() -> dict[str, set[str]]:
        ends = project.inspect("db")["NetworkSettings"]["Networks"]
        return {n: set(e["Aliases"] or ()) - {made[:12]} for n, e in ends.items()}

    before = names()
    assert before == {back: {"db", "db-other"}, front: {"store"}}
    assert runtime.disconnect("db", front, fence=3) == [front]
    assert list(names()) == [back]
    assert runtime.disconnect("db") == [back]
    with pytest.raises(RuntimeFailed, match="not on the network"):
        runtime.disconnect("db", "nowhere")
    with pytest.raises(StaleFence):
        runtime.reconnect("db", fence=2)
    assert sorted(runtime_of(project, tmp_path).reconnect("db")) == [back, front]  # another process may mend
    assert names() == before
    assert runtime.reconnect("db") == []
    ends = runtime.networks("db")
    runtime.disconnect("db", front)
    other = connect(
        "docker", {"project": project.project, "state": "run/other.json"}, tmp_path
    )  # knows of no cut
    assert other.reconnect("db", ends=ends) == [front]
    assert names() == before


def test_a_release_keeps_data_networks_and_ports(project: Compose, tmp_path: Path) -> None:
    network = project.network("back")
    image = project.image("1.0")
    project.image("1.1")
    project.container(
        "web",
        "echo $GREETING; [ -e /data/kept ] && echo found; : > /data/kept; " + SLEEPER,
        image=image,
        network=network,
        volumes=["/data"],
        environment={"GREETING": "hello"},
        port_bindings={"8080/tcp": ("127.0.0.1", None)},
        mem_limit="64m",
        restart_policy=ALWAYS,
    )
    runtime = runtime_of(project, tmp_path)
    old = project.inspect("web")
    assert runtime.release("web", "1.1").release == "1.1"
    new = project.inspect("web")
    assert new["Id"] != old["Id"]
    assert new["Name"] == old["Name"]
    assert eventually(lambda: runtime.logs("web")[:2] == ["hello", "found"])
    assert new["HostConfig"]["Memory"] == 64 * 2**20
    assert new["NetworkSettings"]["Ports"]["8080/tcp"]
    assert {"web", "web-other"} <= set(new["NetworkSettings"]["Networks"][network]["Aliases"])
    assert {m["Name"] for m in new["Mounts"]} == {m["Name"] for m in old["Mounts"]}
    assert runtime.release("web", "1.0").release == "1.0"
    assert len(runtime.list()) == 1


def test_a_release_that_does_not_start_leaves_the_old_one(project: Compose, tmp_path: Path) -> None:
    project.container("web", TALKER, image=project.image("1.0"))
    project.broken_image("9.9")
    runtime = runtime_of(project, tmp_path)
    before = project.id_of("web")
    with pytest.raises(RuntimeFailed, match="refuses"):
        runtime.release("web", "9.9")
    assert project.id_of("web") == before
    assert (runtime.state("web").state, runtime.state("web").release) == ("RUNNING", "1.0")


def test_replicas_and_one_off_containers(project: Compose, tmp_path: Path) -> None:
    image, label = project.image("1.0"), docker_bench.LABEL
    project.container("worker", SLEEPER, image=image)
    project.container("worker", SLEEPER, image=image, name="w2", labels={f"{label}container-number": "2"})
    project.container("shell", SLEEPER, image=image, labels={f"{label}oneoff": "True"})
    assert {u.unit for u in runtime_of(project, tmp_path).list()} == {"worker", "worker-2"}


def test_a_replica_shares_nothing_that_only_one_can_have(project: Compose, tmp_path: Path) -> None:
    network, image = project.network("back"), project.image("1.0")
    project.container(
        "web",
        TALKER,
        image=image,
        network=network,
        volumes=["/data"],
        environment={"GREETING": "hello"},
        port_bindings={"8080/tcp": ("127.0.0.1", free_port()), "9090/tcp": ("127.0.0.1", None)},
        mem_limit="64m",
        restart_policy=ALWAYS,
    )
    runtime = runtime_of(project, tmp_path)
    assert [u.unit for u in runtime.scale("web", 2)] == ["web", "web-2"]
    first, second = (runtime.inspections()[unit] for unit in ("web", "web-2"))
    assert (first["Name"], second["Name"]) == (f"/{project.project}-web-1", f"/{project.project}-web-2")
    assert second["Config"]["Env"] == first["Config"]["Env"]
    assert second["HostConfig"]["Memory"] == 64 * 2**20
    assert second["HostConfig"]["RestartPolicy"]["Name"] == "unless-stopped"
    assert not second["NetworkSettings"]["Ports"].get("8080/tcp")
    assert second["NetworkSettings"]["Ports"]["9090/tcp"]
    assert {"web", "web-other"} <= set(second["NetworkSettings"]["Networks"][network]["Aliases"])
    assert not {m["Name"] for m in first["Mounts"]} & {m["Name"] for m in second["Mounts"]}
    assert runtime.exec("web-2", ["sh", "-c", "echo $GREETING"]).out == "hello\n"
    with pytest.raises(RuntimeFailed, match="one of several containers of a service"):
        runtime.scale("web-2", 2)
    runtime.kill("web-2")
    assert runtime.state("web-2").restarts == 1


def test_scaling_is_all_or_nothing_and_refused_where_it_cannot_be(project: Compose, tmp_path: Path) -> None:
    image = project.image("1.0")
    project.container("host", SLEEPER, image=image, network_mode="host")
    project.container("web", SLEEPER, image=image)
    project.container("web-3", SLEEPER, image=image)
    project.container("db", SLEEPER, image=image)
    project.api.create_container(
        image, name=f"{project.project}-db-3", command=["true"], labels=project.labels
    )
    runtime = runtime_of(project, tmp_path)
    with pytest.raises(RuntimeFailed, match="lives in the network of another"):
        runtime.scale("host", 2)
    with pytest.raises(RuntimeFailed, match="web-3 is the name of another service"):
        runtime.scale("web", 3)
    with pytest.raises(RuntimeFailed, match="already in use"):
        runtime.scale("db", 3)
    assert {u.unit for u in runtime.list()} == {"host", "web", "web-3", "db"}
