"""Captures with labels, made for tests: short questions and long answers, or the other way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from frames import A, B, ethernet, ip4, pcap, udp

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

N_FLOWS = 6
"""Of each capture."""


def capture(asked: int, answered: int, n_flows: int = N_FLOWS) -> bytes:
    """A capture of questions of so many bytes, each with its answer."""
    frames = []
    for port in range(1000, 1000 + n_flows):
        there, back = udp(port, 53, bytes(asked + port % 5)), udp(53, port, bytes(answered))
        frames.append((port * 1_000_000, ethernet(ip4(there, 17, A, B))))
        frames.append((port * 1_000_000 + 500_000, ethernet(ip4(back, 17, B, A))))
    return pcap(frames)


def write_captures(folder: Path, labels: Sequence[str], n_flows: int = N_FLOWS) -> Path:
    """``0.pcap``, ``1.pcap`` ... and the table of their labels; what is no `benign` asks much."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = ["path,label"]
    for i, label in enumerate(labels):
        sizes = (20 + i, 200) if label == "benign" else (400 + i, 5)
        (folder / f"{i}.pcap").write_bytes(capture(*sizes, n_flows))
        rows.append(f"{i}.pcap,{label}")
    (folder / "labels.csv").write_text("\n".join(rows) + "\n")
    return folder
