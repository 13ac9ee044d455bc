"""The page and the pictures of `pareto.py`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from common import table

from habitus.pictures.axes import Frame, Numbers
from habitus.pictures.drawing import Drawing

if TYPE_CHECKING:
    from kept import Row

COUNTING = {"adfa-ld": 0.8102, "adfa-ld/distinct": 0.7281}
"""By the number of different calls in a trace, fewer = stranger (docs/results/adfa_ld.md)."""


def front(rows: Mapping[str, Row], protocol: str) -> list[str]:
    """The detectors that no other beats in both area and speed, the quickest first."""
    quickest = sorted(rows, key=lambda name: -rows[name]["calls_per_second"])
    found: list[str] = []
    best = 0.0
    for name in quickest:
        if rows[name]["areas"][protocol] > best:
            best = rows[name]["areas"][protocol]
            found.append(name)
    return found


def short_name(name: str) -> str:
    """As a picture has room for it."""
    return name.removeprefix("outlier estimator=")


def picture(rows: Mapping[str, Row], protocol: str) -> Drawing:
    """Areas over calls a second, and the line of those that nothing beats in both."""
    ahead = front(rows, protocol)
    drawing = Drawing(
        760, 460, f"Area on {protocol} over calls a second: ahead of all others in one of the two "
        + ", ".join(f"{n} ({rows[n]['areas'][protocol]:.3f}, "
                    f"{rows[n]['calls_per_second']:,.0f}/s)" for n in ahead),
    )  # fmt: skip
    left, right, top, bottom = 76.0, 730.0, 50.0, 390.0
    counting = COUNTING[protocol]
    frame = Frame(
        Numbers.of((row["calls_per_second"] / 1e6 for row in rows.values()), left, right, log=True,
                   margin=0.09, room=70),
        Numbers.of([counting, *(row["areas"][protocol] for row in rows.values())], bottom, top),
        left, right, top, bottom,
    )  # fmt: skip
    frame.draw(drawing, "million calls scored a second, one core", f"AUC on {protocol}")
    drawing.text(left, 26, "Accuracy against speed", bold=True)
    level = frame.y.at(counting)
    drawing.line([(left, level), (right, level)], "attack", dash="4 3", width=1)
    drawing.text(left + 6, level - 6, "counting different calls", colour="attack", size=11)
    places = {
        name: (frame.x.at(row["calls_per_second"] / 1e6), frame.y.at(row["areas"][protocol]))
        for name, row in rows.items()
    }
    steps: list[tuple[float, float]] = []
    for name in ahead:
        x, y = places[name]
        if steps:
            steps.append((x, steps[-1][1]))
        steps.append((x, y))
    drawing.line(steps, "mark", width=1, opacity=0.6)
    taken: list[tuple[float, float]] = []
    for name, (x, y) in sorted(places.items(), key=lambda item: item[1][1]):
        row = rows[name]
        title = f"{name}: {row['areas'][protocol]:.3f}, {row['calls_per_second']:,.0f} calls/s"
        drawing.dots([(x, y)], "mark" if name in ahead else "quiet", titles=[title])
        label = _free(x, y, taken)
        taken.append(label)
        drawing.text(label[0], label[1], short_name(name), size=11, bold=name in ahead,
                     colour="ink" if name in ahead else "quiet", anchor="middle")  # fmt: skip
    return drawing


def _free(x: float, y: float, taken: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Where a name may stand: above its dot or below, and not on another."""
    for dy in (-9, 18, -21, 30, -33, 42):
        if all(abs(x - other[0]) > 78 or abs(y + dy - other[1]) > 11 for other in taken):
            return x, y + dy
    return x, y - 9


def lines_of(
    rows: Mapping[str, Row], protocols: Sequence[str], n_calls: int, missing: Sequence[str] = ()
) -> Iterator[str]:
    """The page, line by line."""
    yield "# Accuracy against speed"
    yield ""
    yield (
        "Every detector, one core, seed 1: its area on ADFA-LD and how many calls a second it "
        "scores. Defaults, which were chosen on `adfa-ld/dev`, a part of what is judged here, and "
        "what makes another method of a detector. Speed: "
        f"{n_calls:,} calls of validation traces, scored as a set, of which networks compute what "
        "several traces begin with once; the processor's time, the best of three runs; not the "
        "reading of files, and not a stream of single calls, which costs networks more "
        "([speed of the neural detectors](neural_speed.md)). Seconds of training are the clock's, "
        "with other work beside it. **Bold**: no other is both quicker and better. 95 % intervals "
        "by cluster bootstrap; most of the differences between neighbours in this table are "
        "smaller."
    )
    yield ""
    for protocol in protocols:
        name = protocol.replace("/", "-")
        yield f"![Areas on {protocol} over calls a second](../images/pareto-{name}.svg)"
        yield ""
    ahead = {protocol: front(rows, protocol) for protocol in protocols}
    body = []
    for name in sorted(rows, key=lambda name: -rows[name]["areas"][protocols[0]]):
        row = rows[name]
        cells = []
        for protocol in protocols:
            low, high = row["intervals"][protocol]
            area = f"{row['areas'][protocol]:.3f}"
            shown = f"**{area}**" if name in ahead[protocol] else area
            cells.append(f"{shown} ({low:.3f}-{high:.3f})")
        rate = row["calls_per_second"]
        body.append((f"`{name}`", *cells, f"{rate / 1e6:.2g}", f"{row['train_seconds']:.3g}"))
    counting = (f"{COUNTING[protocol]:.3f}" for protocol in protocols)
    body.append(("*counting different calls*", *counting, "", ""))
    yield from table(
        ("detector", *(f"`{protocol}`" for protocol in protocols), "M calls/s", "training, s"),
        body,
    )
    yield ""
    if missing:
        told = ", ".join(f"`{name}`" for name in missing)
        yield f"Not measured on this machine yet: {told} (`python benchmarks/pareto.py` does it)."
        yield ""
    first, last = ahead[protocols[0]][0], ahead[protocols[0]][-1]
    ratio = rows[first]["calls_per_second"] / rows[last]["calls_per_second"]
    yield (
        f"From the quickest (`{first}`) to the best on `{protocols[0]}` (`{last}`) it is a factor "
        f"of {ratio:,.0f} in speed for "
        f"{rows[last]['areas'][protocols[0]] - rows[first]['areas'][protocols[0]]:.3f} of area. "
        "What limits all of them is not speed: [what limits us](limits.md)."
    )
    yield ""
