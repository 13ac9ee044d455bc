"""The page of `limits.py` on processes: who alarms, who passes for normal, who is everywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from common import table
from limits_data import dev
from limits_kinds import (
    ALARM_RATE,
    N_KINDS,
    different_calls,
    holds,
    kinds,
    rank_among_normals,
    threshold,
    within_kinds,
)

from habitus.evaluation.metrics import roc

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from kept import Row


def kinds_part(scores: Mapping[str, np.ndarray]) -> Iterator[str]:
    """Which kinds of process make the false alarms."""
    name = next(iter(scores))
    values, found = scores[name], kinds()
    alarms = values >= threshold(values)
    normal, attack = dev().distinct, dev().attack
    execve = holds(dev().judged, "execve")
    rank = rank_among_normals(values)
    yield from ("## Which processes make the false alarms", "")
    yield (
        f"Traces carry no names of programs. {N_KINDS} kinds of process were found by k-means over "
        "the roots of the shares of their calls, among distinct normals alone; an attack is of the "
        f"kind that it lies nearest to. Alarms: of `{name}`, at {ALARM_RATE:.0%} of all distinct "
        "normals. *Rank*: of a kind's normals in the middle, the share of all normals that score "
        "lower. *AUC*: of its normals against its attacks."
    )
    yield ""
    rows: list[tuple[str, ...]] = []
    for kind, calls in enumerate(found.names):
        own, against = normal & (found.judged == kind), attack & (found.judged == kind)
        inside = _area(values[own], values[against])
        rows.append(
            (
                calls, str(int(np.sum(found.training == kind))), str(int(own.sum())),
                _share(execve, own), f"{np.median(rank[own]):.0%}" if own.any() else "-",
                _share(alarms, own), _share(own, normal & alarms), str(int(against.sum())),
                _share(alarms, against), inside,
            )
        )  # fmt: skip
    yield from table(
        ("calls", "training traces", "normals", "with execve", "rank", "alarms", "of all alarms",
         "attacks", "found", "AUC"), rows,
    )  # fmt: skip
    yield ""
    noisy = np.argsort(-np.bincount(found.judged[normal & alarms], minlength=N_KINDS))[:3]
    in_noisy = [
        np.mean(np.isin(some, noisy))
        for some in (found.judged[normal & alarms], found.judged[normal], found.training)
    ]
    crowd = int(np.argmax(np.bincount(found.judged[attack], minlength=N_KINDS)))
    inside, against = found.judged == crowd, int(np.sum(attack & (found.judged == crowd)))
    yield (
        f"Three kinds make {in_noisy[0]:.0%} of the false alarms; they are {in_noisy[1]:.0%} of "
        f"the normals and {in_noisy[2]:.0%} of the training traces: what training hardly shows "
        f"alarms. Most attacks, {against} of {int(attack.sum())}, are of one kind "
        f"({found.names[crowd]}), and there `{name}` tells them from normals at AUC "
        f"{_area(values[normal & inside], values[attack & inside])}. What comes below it: pairs of "
        "an attack and a normal of the same kind, and of different kinds. A detector knows better "
        "which kind of process is rare than which trace of a kind is an attack."
    )
    yield ""
    rows = []
    for one, its in scores.items():
        same, other, share = within_kinds(its)
        rows.append((f"`{one}`", f"{same:.3f}", f"{other:.3f}", f"{share:.0%}"))
    yield from table(("", "AUC, pairs of one kind", "of two kinds", "pairs of one kind"), rows)
    yield ""


def _area(normal: np.ndarray, attack: np.ndarray) -> str:
    """The area, where there are enough of both to tell one."""
    return f"{roc(normal, attack).auc:.2f}" if min(len(normal), len(attack)) >= 10 else "-"


def _share(what: np.ndarray, among: np.ndarray) -> str:
    return f"{np.mean(what[among]):.0%}" if among.any() else "-"


def attacks_part(scores: Mapping[str, np.ndarray]) -> Iterator[str]:
    """Which attacks look normal, by type."""
    name = next(iter(scores))
    rank = rank_among_normals(scores[name])
    calls, judged = different_calls(dev().judged), dev().judged
    yield from ("## Which attacks look normal", "")
    yield (
        "By type: in the middle, how long a trace is and how many different calls it makes; the "
        "share that holds `execve`; the share of the distinct normals that score lower, in the "
        f"lowest quarter, the middle and the highest; found at {ALARM_RATE:.0%} false alarms, by "
        "each detector. The last line is the distinct normals."
    )
    yield ""
    execve = holds(judged, "execve")
    rows: list[tuple[str, ...]] = []
    for kind in (*dev().types, "*normals*"):
        own = dev().of_type(kind) if kind in dev().types else dev().distinct
        low, middle, high = np.quantile(rank[own], [0.25, 0.5, 0.75])
        rows.append(
            (
                kind, str(int(own.sum())), f"{np.median(judged.lengths[own]):,.0f}",
                f"{np.median(calls[own]):.0f}", _share(execve, own),
                f"{low:.0%}, {middle:.0%}, {high:.0%}",
                *(_share(its >= threshold(its), own) for its in scores.values()),
            )
        )  # fmt: skip
    yield from table(
        ("type", "traces", "calls", "different", "execve", f"rank, `{name}`",
         *(f"found, `{one}`" for one in scores)), rows,
    )  # fmt: skip
    yield ""
    yield "![Each attack by its rank among normals](../images/limits-attacks.svg)"
    yield ""
    yield (
        "A dot is a trace, a line of dots a folder. All types and folders have the same pattern, "
        "which says that it is not the attacks' own."
    )
    yield ""


def processes_part(scores: Mapping[str, np.ndarray], bound: Mapping[str, Row]) -> Iterator[str]:
    """Which processes stand in the folders of several types of attack."""
    name = next(iter(scores))
    rank, alarms = rank_among_normals(scores[name]), scores[name] >= threshold(scores[name])
    judged, number, n_types = dev().judged, dev().processes, dev().n_types
    groups = np.array([info.group for info in judged.infos], dtype=object)
    n_folders, n_attacks = len(set(groups[dev().attack])), int(dev().attack.sum())
    everywhere, several = n_types == len(dev().types), n_types > 1
    yield from ("## The same processes in every folder", "")
    yield (
        "The name of an attack's file ends in a number, by all appearance the process's "
        f"(`UAD-Adduser-1-1371.txt`). **{len(set(number[everywhere]))} numbers stand in folders of "
        f"all {len(dev().types)} types of attack, and make up {int(everywhere.sum())} of the "
        f"{n_attacks} attack traces; numbers of more than one type, {int(several.sum())}.** Their "
        "calls are the same everywhere, too: an account added, a password guessed and a shell "
        "on a web server have the same processes in the background. A trace is called an "
        "attack because it was recorded while one happened, it seems, not because its process "
        "took part in it. What a detector makes of these says little about attacks. The numbers of "
        "normals are not told, so what the same processes did without an attack cannot be looked "
        "up."
    )
    yield ""
    rows: list[tuple[str, ...]] = []
    for one in sorted(set(number[several]), key=lambda n: (-int(np.sum(number == n)), n)):
        own = number == one
        counts = np.bincount(judged.calls[np.repeat(own, judged.lengths)])
        top = np.argsort(-counts, kind="stable")[:3].tolist()
        low, middle, high = np.quantile(rank[own], [0, 0.5, 1])
        rows.append(
            (
                str(one), f"{len(set(groups[own]))} of {n_folders}",
                str(int(n_types[own][0])), str(int(own.sum())),
                ", ".join(f"{judged.alphabet[k]} {counts[k] / counts.sum():.0%}" for k in top),
                f"{low:.0%}, {middle:.0%}, {high:.0%}", _share(alarms, own),
            )
        )  # fmt: skip
    yield from table(
        ("number", "folders", "types", "traces", "calls",
         f"rank by `{name}`: lowest, middle, highest", "found"), rows,
    )  # fmt: skip
    yield ""
    yield (
        "So an area of all attacks says little about attacks. Here is each detector's with the "
        "attacks in two parts, against the same distinct normals, and what counting different "
        "calls (fewer is stranger) gives; and how well classifiers that learn attacks do, of "
        "folders that they did not learn ([below](#if-attacks-could-be-learned))."
    )
    yield ""
    fewer = -different_calls(judged).astype(np.float64)
    rows = [
        (what, f"{dev().roc(its, dev().distinct).auc:.3f}",
         *(f"{roc(its[dev().distinct], its[part]).auc:.3f}" for part in (several, n_types == 1)),
         *(_share(its >= threshold(its), part) for part in (several, n_types == 1)))
        for what, its in (
            *((f"`{one}`", its) for one, its in scores.items()), ("*fewer different calls*", fewer)
        )
    ]  # fmt: skip
    rows += [
        (f"*learns attacks: {one}*", f"{row['auc']:.3f}", f"{row['several']:.3f}",
         f"{row['one']:.3f}", "", "")
        for one, row in bound.items()
    ]  # fmt: skip
    yield from table(
        ("AUC", f"all {n_attacks}", f"process in several types, {int(several.sum())}",
         f"in one type, {int(np.sum(n_types == 1))}", "found, several", "found, one"), rows,
    )  # fmt: skip
    yield ""
