"""What reading captures came to: nothing is dropped in silence."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from habitus.files.report import MAX_EXAMPLES, LeftOut, keep, told_of
from habitus.flows.tracker import TrackCounts
from habitus.packets.packets import PacketCounts

if TYPE_CHECKING:
    from collections import Counter

    from habitus.errors import InputError


@dataclass
class CaptureReport(LeftOut):
    """Counts of some captures, and what was wrong with them; and of what was left out.

    Attributes:
        n_captures, n_flows: what was read, and what came of it.
        packets, flows: counts of both.
        n_damaged: files and archives of which only a part could be read.
        damaged: the first of them, and why.
    """

    n_captures: int = 0
    n_flows: int = 0
    packets: PacketCounts = field(default_factory=PacketCounts)
    flows: TrackCounts = field(default_factory=TrackCounts)
    n_damaged: int = 0
    damaged: list[str] = field(default_factory=list)

    def add(self, other: CaptureReport) -> None:
        """Count another's with this one's."""
        self.n_captures += other.n_captures
        self.n_flows += other.n_flows
        self.packets.add(other.packets)
        self.flows.add(other.flows)
        self.n_damaged += other.n_damaged
        self.n_skipped += other.n_skipped
        for example in other.damaged:
            keep(self.damaged, example)
        for example in other.skipped:
            keep(self.skipped, example)

    def add_damaged(self, error: InputError) -> None:
        """What follows in a capture or an archive could not be read."""
        self.n_damaged += 1
        keep(self.damaged, str(error))

    def record(self) -> dict[str, Any]:
        """The same as plain values."""
        return {
            "n_captures": self.n_captures, "n_flows": self.n_flows, **self.packets.record(),
            "n_evicted": self.flows.n_evicted, "n_turned": self.flows.n_turned,
            "n_midstream": self.flows.n_midstream, **self.left_out(),
        }  # fmt: skip

    def left_out(self) -> dict[str, Any]:
        """What was not read, or not to its end, as plain values."""
        return {
            "n_damaged": self.n_damaged, "damaged": self.damaged,
            "n_skipped": self.n_skipped, "skipped": self.skipped,
        }  # fmt: skip

    def warnings(self) -> list[str]:
        """What a user should hear, a line each; empty if every packet went into a flow."""
        packets, flows = self.packets, self.flows
        lines = [
            *told_of(self.n_damaged, "only read in part", self.damaged),
            *self.told_skipped(),
        ]
        n_lost = packets.n_packets - packets.n_ok
        if n_lost:
            lines.append(f"{n_lost:,} of {packets.n_packets:,} packets belong to no flow:")
            lines += [f"  {count:,} {why}" for why, count in _grouped(packets.reasons)]
        if packets.n_orphans:
            lines.append(
                f"{packets.n_orphans:,} fragments came without the first one: their ports are 0"
            )
        if packets.n_unopened:
            lines.append(
                f"{packets.n_unopened:,} tunnels held no packet that could be read: their own flow "
                "was taken"
            )
        if flows.n_evicted:
            lines.append(
                f"{flows.n_evicted:,} flows were ended early because there was no room for more "
                "(--max-flows)"
            )
        return lines


def _grouped(reasons: Counter[str]) -> list[tuple[str, int]]:
    """The commonest reasons, and the rest together."""
    commonest = reasons.most_common(MAX_EXAMPLES)
    rest = sum(reasons.values()) - sum(count for _, count in commonest)
    n_more = len(reasons) - len(commonest)
    return [*commonest, (f"for {n_more} other reasons", rest)] if rest else commonest
