"""Two network namespaces with a veth pair between them, made for one run and gone with it.

Neither has a name: a namespace lives as long as a process in it, and every process here dies with
the one that started it, also if that is killed. So there is nothing to clean up.
"""

from __future__ import annotations

import array
import ctypes
import fcntl
import os
import shutil
import signal
import socket
import struct
import subprocess
from pathlib import Path

from tracing import RecordingError

SERVERS = tuple(f"10.20.0.{host}" for host in range(11, 17))
CLIENTS = tuple(f"10.20.1.{host}" for host in range(21, 29))
PREFIX = 16
SERVERS_LINK, CLIENTS_LINK = "servers", "clients"
# Locally administered, so that they are nobody's.
MACS = {SERVERS_LINK: "02:00:00:00:00:01", CLIENTS_LINK: "02:00:00:00:00:02"}

CLONE_NEWNET = 0x40000000
PR_SET_PDEATHSIG = 1
SIOCETHTOOL = 0x8946
# Checksums on transmission, scatter and gather, segmentation by the device, by the kernel, and
# joining on receipt (linux/ethtool.h).
OFFLOADS = (0x17, 0x19, 0x1F, 0x24, 0x2C)

_libc = ctypes.CDLL(None, use_errno=True)


def leave_network() -> None:
    """Move this process into a network namespace of its own, without any link."""
    if _libc.unshare(CLONE_NEWNET):
        why = os.strerror(ctypes.get_errno())
        raise RecordingError(
            f"no network namespace can be made: {why}; run as root, or under `unshare -r`"
        )
    # The kernel's own talk (router solicitations, group memberships) would be flows of nobody.
    for which in ("all", "default"):
        Path(f"/proc/sys/net/ipv6/conf/{which}/disable_ipv6").write_text("1\n", encoding="ascii")


def die_with(parent: int) -> None:
    """Have this process killed when the one that forked it ends, however that comes."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def join(other: int) -> None:
    """Lay a veth pair from this process's namespace (the servers') to that of process ``other``."""
    _ip(
        f"link add {SERVERS_LINK} address {MACS[SERVERS_LINK]} type veth "
        f"peer name {CLIENTS_LINK} address {MACS[CLIENTS_LINK]} netns {other}"
    )


def set_up(link: str) -> None:
    """Give this end of the pair its addresses, and tell it those of the other end.

    Who has which address is told beforehand, so that nobody has to ask (ARP). The link's devices
    do no work of the kernel's: frames are captured as they would be on a wire, none larger than a
    wire takes, and with their checksums.
    """
    own, others = (SERVERS, CLIENTS) if link == SERVERS_LINK else (CLIENTS, SERVERS)
    other_mac = MACS[CLIENTS_LINK if link == SERVERS_LINK else SERVERS_LINK]
    for command in OFFLOADS:
        _switch_off(link, command)
    lines = [f"address add {address}/{PREFIX} dev {link}" for address in own]
    lines += [f"link set {link} up", "link set lo up"]
    lines += [
        f"neighbour add {address} lladdr {other_mac} dev {link} nud permanent" for address in others
    ]
    _ip(*lines)


def _ip(*lines: str) -> None:
    if shutil.which("ip") is None:
        raise RecordingError("not installed: ip (iproute2)")
    done = subprocess.run(
        ["ip", "-batch", "-"], input="\n".join(lines), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RecordingError(f"ip: {done.stderr.strip()}")


def _switch_off(link: str, command: int) -> None:
    """Switch one of a device's offloads off."""
    value = array.array("B", struct.pack("II", command, 0))
    address, _ = value.buffer_info()
    request = struct.pack("16sP16x", link.encode(), address)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, SIOCETHTOOL, request)
