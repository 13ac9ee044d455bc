"""What follows from what a program tells: sums, means, rates and ends, by our own formulas."""

from __future__ import annotations

import polars as pl

_KINDS = ("raw_bytes", "ip_bytes", "transport_bytes", "payload_bytes")
_YEARS_100_NS = 100 * 366 * 86_400 * 10**9
_SIDES = ("forward_", "backward_")


def _sums() -> dict[str, tuple[tuple[str, ...], pl.Expr]]:
    """Both ways together: the one direction and the other."""
    names = (
        "packets", *_KINDS, "header_bytes", "payload_packets",
        *(f"{flag}_packets" for flag in ("fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr")),
    )  # fmt: skip
    return {
        name: ((f"forward_{name}", f"backward_{name}"),
               pl.col(f"forward_{name}") + pl.col(f"backward_{name}"))
        for name in names
    }  # fmt: skip


def _course() -> dict[str, tuple[tuple[str, ...], pl.Expr]]:
    """Times and what is known of addresses."""
    lasted = (pl.col("duration_us") * 1e3).round().cast(pl.Int64, strict=False)
    end = pl.when(lasted < _YEARS_100_NS).then(pl.col("start_ns") + lasted)
    source = pl.col("source_ip")
    version = pl.when(source.str.contains(":", literal=True)).then(6)
    is_v4 = source.str.contains(r"^\d+\.\d+\.\d+\.\d+$")
    return {
        "end_ns": (("start_ns", "duration_us"), end),
        "ip_version": (("source_ip",), version.otherwise(pl.when(is_v4).then(4))),
    }


def _quotients() -> dict[str, tuple[tuple[str, ...], pl.Expr]]:
    """Means, rates and ratios, null where there is nothing to divide by."""
    found = {}
    for side in ("", *_SIDES):
        for kind in ("raw", "ip", "payload"):
            found[f"{side}{kind}_mean_bytes"] = (f"{side}{kind}_bytes", f"{side}packets", 1.0)
        for what in ("packets", "raw_bytes", "ip_bytes", "payload_bytes"):
            found[f"{side}{what}_per_s"] = (f"{side}{what}", "duration_us", 1e6)
    for what in ("packets", "raw_bytes", "payload_bytes"):
        found[f"backward_to_forward_{what}"] = (f"backward_{what}", f"forward_{what}", 1.0)
    return {
        name: ((above, below), _quotient(above, below, factor))
        for name, (above, below, factor) in found.items()
    }


def _quotient(above: str, below: str, factor: float) -> pl.Expr:
    quotient = pl.col(above) * factor / pl.col(below)
    return pl.when(pl.col(below) > 0).then(quotient)


STEPS = (_sums(), _course(), _quotients())
"""Name: of which columns, and how; each step may use what those before it made."""


def completed(frame: pl.DataFrame) -> pl.DataFrame:
    """A table in which null is filled where other columns of ours tell what it must be.

    What a program told stays as it is. What would be infinite is null.
    """
    for step in STEPS:
        frame = frame.with_columns(
            pl.coalesce(pl.col(name), made.cast(frame.schema[name])).alias(name)
            for name, (_, made) in step.items()
        )
    return frame.with_columns(
        pl.when(pl.col(name).is_finite()).then(pl.col(name)).alias(name)
        for name, kind in frame.schema.items()
        if kind.is_float()
    )


def completable(told: set[str]) -> set[str]:
    """What can be told in the end by a program that tells these columns."""
    known = set(told)
    for step in STEPS:
        known |= {name for name, (of, _) in step.items() if known.issuperset(of)}
    return known
