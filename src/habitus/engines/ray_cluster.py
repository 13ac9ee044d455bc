"""Reaching a Ray cluster, or beginning one on this machine."""

from __future__ import annotations

import logging
import os
import socket
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from habitus.engines.base import EngineError
from habitus.engines.machine import n_processors

if TYPE_CHECKING:
    from collections.abc import Iterator

CONNECT_SECONDS = 10.0
_PATHS = "PYTHONPATH"
_HEADER_BYTES, _SETTINGS = 9, 4  # of a frame of HTTP/2: its length in 3 bytes, then its type
_GREETING = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, _SETTINGS, 0, 0, 0, 0, 0])


@dataclass(frozen=True)
class Node:
    """A node of the cluster that is alive.

    Attributes:
        name: Ray's own; ``host`` is for people.
        processors, memory_bytes: that it offers to the cluster.
    """

    name: str
    host: str
    processors: float
    memory_bytes: float


def nodes_of(ray: Any) -> list[Node]:
    """The nodes that are alive."""
    return [
        Node(
            told["NodeID"],
            told["NodeManagerHostname"],
            told["Resources"].get("CPU", 0),
            told["Resources"].get("memory", 0),
        )
        for told in ray.nodes()
        if told["Alive"]
    ]


def this_node() -> Node:
    """The node that this process is on, for an actor."""
    ray = ray_module()
    name = ray.get_runtime_context().get_node_id()
    return next(node for node in nodes_of(ray) if node.name == name)


def ray_module() -> Any:
    """Ray.

    Raises:
        EngineError: if it is not installed.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is told to anyone
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # else each start warns
    try:
        import ray
    except ImportError as error:
        raise EngineError(
            f"the engine ray needs Ray, which cannot be imported ({error}): pip install "
            '"habitus[cluster]"'
        ) from None
    return ray


def connect(ray: Any) -> None:
    """Reach the cluster that ``RAY_ADDRESS`` names, or begin one.

    Raises:
        EngineError: if it cannot be had.
    """
    address = os.environ.get("RAY_ADDRESS")
    if address:
        _check_address(address)
    quiet = {"log_to_driver": False, "logging_level": logging.ERROR}
    try:
        if address:
            ray.init(address=address, **quiet)
        else:
            with _finding_modules_as_here():
                ray.init(address="local", num_cpus=n_processors(), include_dashboard=False, **quiet)
    except (ConnectionError, RuntimeError, ValueError, OSError, TimeoutError) as error:
        where = f"the Ray cluster at {address}" if address else "a Ray cluster of this machine"
        told = (str(error).splitlines() or [type(error).__name__])[0]
        raise EngineError(f"{where} cannot be had: {told}") from None


@contextmanager
def _finding_modules_as_here() -> Iterator[None]:
    """Whatever is started meanwhile finds modules where this process does."""
    before = os.environ.get(_PATHS)
    os.environ[_PATHS] = os.pathsep.join(place for place in sys.path if place)
    try:
        yield
    finally:
        if before is None:
            del os.environ[_PATHS]
        else:
            os.environ[_PATHS] = before


def _check_address(address: str) -> None:
    """Whether a server as Ray's answers there: Ray itself takes minutes to find out that none does.

    It speaks gRPC, which is HTTP/2: whoever does answers a greeting with settings (RFC 9113, 3.4).
    """
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdigit():
        return  # a name of Ray's own, such as auto
    where = f"the Ray cluster at {address} (RAY_ADDRESS)"
    try:
        place = (host.strip("[]"), int(port))
        with socket.create_connection(place, timeout=CONNECT_SECONDS) as link:
            if os.environ.get("RAY_USE_TLS", "0").lower() in {"1", "true"}:
                return  # it would answer nobody who does not encrypt
            link.sendall(_GREETING)
            with link.makefile("rb") as answer:
                told = answer.read(_HEADER_BYTES)
    except TimeoutError:
        told_seconds = f"{CONNECT_SECONDS:g} s"
        raise EngineError(f"{where} cannot be reached: no answer in {told_seconds}") from None
    except (OSError, OverflowError) as error:
        raise EngineError(f"{where} cannot be reached: {error}") from None
    if len(told) < _HEADER_BYTES or told[3] != _SETTINGS:
        raise EngineError(f"{where} cannot be had: what listens there is no Ray cluster")
