"""Whether calls of one family lie together in what a language model learned."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import asdict

import numpy as np
from adfa_ld import NETWORKS
from common import table, test_data, write_page
from neural_models import trained

from habitus import Model
from habitus.datasets.source import find_source
from habitus.evaluation.protocols import get_protocol, training_part
from habitus.pictures.call_map import GROUPS, LEAST_SEEN, MAX_CALLS
from habitus.pictures.neighbourhood import family_rank, neighbour_ranks
from habitus.syscalls import family_of

# The default's embedding begins as PyTorch's does, with a spread of 1; the paper's within .1.
PRESETS = ("lstm preset=kim2016-200", "lstm preset=kim2016-400")
SEEDS = (1, 2, 3)
CONTENDERS: dict[str, tuple[Mapping[str, object], tuple[int, ...]]] = {
    "lstm": ({}, SEEDS),
    "lstm uniform=0.1": ({"uniform": 0.1}, SEEDS),
    "lstm embedding=16": ({"embedding": 16}, SEEDS),
    **{name: (NETWORKS[name][1], NETWORKS[name][2]) for name in PRESETS},
}
Found = dict[str, dict[str, float]]


def measured(model: Model, seed: int) -> Found:
    """Ranks by what calls are read as, and by what they are expected by."""
    detector = model.detector
    names = detector.vocabulary.names
    counts = np.bincount(model.memory.symbols, minlength=len(names))
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
    history = detector.history  # type: ignore[attr-defined]
    found["history"] = {"held_out_loss": history.kept.held_out_loss}
    return found


def main() -> None:
    """Train, measure, and write the page."""
    source = find_source(str(test_data() / "adfa-ld" / "ADFA-LD.zip"))
    learned, part = training_part(source.read(), get_protocol("adfa-ld"))
    values = {
        f"`{name}`": [
            measured(
                trained(
                    name, "lstm", settings, learned, seed=seed, data="adfa-ld", part=part,
                    data_sha256=source.sha256,
                ),
                seed,
            )
            for seed in seeds
        ]
        for name, (settings, seeds) in CONTENDERS.items()
    }  # fmt: skip
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
            spread = f" ({min(ranks):.3f}-{max(ranks):.3f})" if len(ranks) > 1 else ""
            cells += [f"{statistics.mean(ranks):.3f}{spread}", f"{low:.3f}-{high:.3f}"]
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
        f"Mean of {len(SEEDS)} seeds, and the smallest and largest; of the paper's presets, which "
        "learn 10 M calls, one seed. *Read*: the embedding, the numbers that a call is read "
        "as. *Expected*: the output layer's row of "
        "a call, by which it is told from others.",
        "",
        *table(
            ("network", "held-out loss", "read", "by chance", "expected", "by chance"), rows
        ),
        "",
        _told(values),
        "",
        "An embedding begins as chance. By default that has a spread of 1; begun within .1 of "
        "zero, as the paper's, less of what is seen need be what lay near before. The output layer "
        "begins small in any case, and says more of what may stand in the same place than of what "
        "means the same.",
        "",
        "## Calls that do alike",
        "",
        "The mean rank of each among the others' neighbours, on the same scale, on which more than "
        "1 is *farther* apart than any calls are: "
        + "; ".join(f"*{name}*: {', '.join(members)}" for name, members in GROUPS.items())
        + ".",
        "",
        *table(
            ("network", *(f"read: {g}" for g in GROUPS), *(f"expected: {g}" for g in GROUPS)),
            group_rows,
        ),
        "",
        "The paper's map shows all three together. Here *waiting* and *read and write* lie "
        "together as they are read, in every network, and *open and close* only as they are "
        "expected: they stand in the same places and do not mean the same.",
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
    main()
