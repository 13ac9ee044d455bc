"""Whether calls of one family lie together in what a language model learned."""

from __future__ import annotations

import argparse
import json
import os
import statistics
from dataclasses import asdict

import numpy as np
from common import WORK, measured_version, table, test_data, write_page

from habitus.datasets.source import find_source
from habitus.detectors.neural.lstm import Lstm
from habitus.evaluation.protocols import get_protocol, training_part
from habitus.models.model import Memory
from habitus.pictures.call_map import GROUPS, LEAST_SEEN, MAX_CALLS
from habitus.pictures.neighbourhood import family_rank, neighbour_ranks
from habitus.syscalls import family_of

# The default's embedding begins as PyTorch's does, with a spread of 1; the paper's within .1.
CONTENDERS: dict[str, dict[str, object]] = {
    "`epochs=12`": {"epochs": 12},
    "`epochs=12 uniform=0.1`": {"epochs": 12, "uniform": 0.1},
    "`epochs=12 embedding=16`": {"epochs": 12, "embedding": 16},
}
LONG: dict[str, dict[str, object]] = {"`preset=kim2016-200`": {"preset": "kim2016-200"}}
STORE = WORK / "embedding.json"
Found = dict[str, dict[str, float]]


def measured(settings: dict[str, object], seed: int) -> Found:
    """Ranks by what calls are read as, and by what they are expected by."""
    traces = find_source(str(test_data() / "adfa-ld" / "ADFA-LD.zip")).read()
    learned, _ = training_part(traces, get_protocol("adfa-ld"))
    detector = Lstm.with_settings(settings)
    detector.fit(learned, seed=seed)
    names = detector.vocabulary.names
    memory = Memory.of(learned, detector)
    counts = np.bincount(memory.symbols, minlength=len(names))
    often = np.argsort(-counts, kind="stable")[:MAX_CALLS]
    often = often[counts[often] >= LEAST_SEEN]
    calls = [names[symbol] for symbol in often]
    found: Found = {}
    for of in ("embedding", "output_rows"):
        vectors = getattr(detector, of)()
        ranks = neighbour_ranks(vectors[often])
        rank = family_rank(ranks, [family_of(call) for call in calls], seed=seed)
        if rank is None:
            raise SystemExit("no call has another of its family: is this ADFA-LD?")
        low, high = rank.by_chance
        groups = {}
        for name, members in GROUPS.items():
            at = [place for place, call in enumerate(calls) if call in members]
            pairs = ranks[np.ix_(at, at)][~np.eye(len(at), dtype=bool)]
            groups[name] = float(pairs.mean()) / (len(calls) / 2)
        found[of] = {**asdict(rank), "low": low, "high": high, **groups}
        del found[of]["by_chance"]
    found["history"] = {"held_out_loss": detector.history.kept.held_out_loss}
    return found


def main() -> None:
    """Train, measure, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--long", action="store_true", help="the paper's smallest preset, too")
    given = parser.parse_args()
    contenders = CONTENDERS | (LONG if given.long else {})
    version = measured_version()
    held = json.loads(STORE.read_text()) if STORE.exists() else {}
    values: dict[str, list[Found]] = held["values"] if held.get("measured") == version else {}
    for seed in range(1, given.seeds + 1):
        for name, settings in contenders.items():
            runs = values.setdefault(name, [])
            if len(runs) < seed:
                runs.append(measured(settings, seed))
                WORK.mkdir(exist_ok=True)
                STORE.write_text(json.dumps({"measured": version, "values": values}))
                print(name, seed, runs[-1], flush=True)
    write_page("embedding", page_of(values), "embedding.py")


def page_of(values: dict[str, list[Found]]) -> list[str]:
    """The page's lines."""
    one = next(iter(values.values()))[0]["embedding"]
    rows, group_rows = [], []
    for name, runs in values.items():
        loss = statistics.mean(run["history"]["held_out_loss"] for run in runs)
        cells, group_cells = [], []
        for of in ("embedding", "output_rows"):
            ranks = [run[of]["value"] for run in runs]
            low = min(run[of]["low"] for run in runs)
            high = max(run[of]["high"] for run in runs)
            cells += [
                f"{statistics.mean(ranks):.3f} ({min(ranks):.3f}-{max(ranks):.3f})",
                f"{low:.3f}-{high:.3f}",
            ]
            group_cells += [
                f"{statistics.mean(run[of][group] for run in runs):.2f}" for group in GROUPS
            ]
        rows.append((name, f"{loss:.3f}", *cells))
        group_rows.append((name, *group_cells))
    return [
        "# Where a network puts calls",
        "",
        "The paper that `lstm` follows shows a map of its call embedding on which calls that do "
        "alike lie together. Here is a number for it. All other calls are ranked by cosine "
        "distance from each call; the mean rank of its own family's, divided by the mean rank of "
        "any, averaged over all calls that have a relative: 1 is chance, less is nearer. *By "
        "chance* is what 95 % of 1,000 shuffles of the families give. Calls that occur at least "
        f"{LEAST_SEEN} times in distinct training traces of `adfa-ld` count: "
        f"{one['n_others'] + 1:,.0f} of them, {one['n_calls']:,.0f} with a relative. Families are "
        "Habitus's own ([`habitus.syscalls`](../reference/api.md)).",
        "",
        f"Mean of {len(next(iter(values.values())))} seeds, and the smallest and largest. *Read*: "
        "the embedding, the numbers that a call is read as. *Expected*: the output layer's row of "
        "a call, by which it is told from others.",
        "",
        *table(
            ("`lstm`", "held-out loss", "read", "by chance", "expected", "by chance"), rows
        ),
        "",
        _told(values),
        "",
        "An embedding begins as chance. By default that has a spread of 1, and training moves it "
        "little, so that much of what lies near lay near before; begun within .1 of zero, as the "
        "paper's, more of what is seen was learned. The output layer begins small in any case, and "
        "says more of what may stand in the same place than of what means the same: *open* and "
        "*close* go together, whatever they act on.",
        "",
        "## Calls that do alike",
        "",
        "The mean rank of each among the others' neighbours, on the same scale: "
        + "; ".join(f"*{name}*: {', '.join(members)}" for name, members in GROUPS.items())
        + ".",
        "",
        *table(
            ("`lstm`", *(f"read: {g}" for g in GROUPS), *(f"expected: {g}" for g in GROUPS)),
            group_rows,
        ),
    ]  # fmt: skip


def _told(values: dict[str, list[Found]]) -> str:
    """In how many runs families lie nearer together than chance would put them."""
    runs = [run for several in values.values() for run in several]
    read, expected = (
        sum(run[of]["value"] < run[of]["low"] for run in runs)
        for of in ("embedding", "output_rows")
    )
    return (
        f"Families lie nearer together than 97.5 % of shuffles would put them in {read} of "
        f"{len(runs)} runs as calls are read, and in {expected} as they are expected."
    )


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
