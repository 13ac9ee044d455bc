"""Addresses of Ray clusters: whoever does not answer as Ray does is found out within seconds."""

from __future__ import annotations

import socket
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from habitus.engines import ray_cluster
from habitus.engines.base import EngineError
from habitus.engines.ray_cluster import connect, ray_module

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def listening(answer: bytes | None) -> Iterator[str]:
    """Somebody who answers whatever is said with this; with None never. Gives the address."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        held = []

        def serve() -> None:
            link, _ = server.accept()
            held.append(link)
            link.recv(100)
            if answer is not None:
                link.sendall(answer)
                link.close()

        threading.Thread(target=serve, daemon=True).start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        for link in held:
            link.close()


@pytest.mark.parametrize("kind", ["", "ray://"])
@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (None, "cannot be reached: no answer in 0.5 s"),
        (b"", "what listens there is no Ray cluster"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "what listens there is no Ray cluster"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "what listens there is no Ray cluster"),
    ],
)
def test_who_is_no_cluster_is_found_out_soon(
    answer: bytes | None, said: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray_cluster, "CONNECT_SECONDS", 0.5)
    with listening(answer) as address:
        monkeypatch.setenv("RAY_ADDRESS", kind + address)
        with pytest.raises(EngineError, match=f"{address} .*{said}"):
            connect(None)


def test_a_port_that_nobody_listens_at_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
    monkeypatch.setenv("RAY_ADDRESS", address)
    with pytest.raises(EngineError, match=f"{address} .* cannot be reached: .*refused"):
        connect(None)


def test_a_cluster_is_had_by_its_address(monkeypatch: pytest.MonkeyPatch) -> None:
    from ray.cluster_utils import Cluster

    cluster = Cluster(
        initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False}
    )
    ray = ray_module()
    monkeypatch.setenv("RAY_ADDRESS", f"127.0.0.1:{cluster.address.rpartition(':')[2]}")
    try:
        connect(ray)
        assert ray.cluster_resources()["CPU"] == 1
    finally:
        ray.shutdown()
        cluster.shutdown()


def test_without_ray_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(EngineError, match=r'needs Ray, .*: pip install "habitus\[cluster\]"'):
        ray_module()
