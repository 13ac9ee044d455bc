"""What a base model makes of programs that it never saw: false alarms, and intrusions found.

    make corpus; python benchmarks/base_strangers.py

The corpus is divided by program, and by kind of scenario; a model learns all but one part and
judges that. Every model's scores are kept as soon as it has judged; what was interrupted goes on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache, partial
from typing import Any

import numpy as np
from common import WORK, write_page
from kept import Row, code_of, kept, version_of, work_of
from limits_data import alarmless, fitted
from numpy.typing import NDArray
from strangers_page import TRIED, lines_of
from strangers_rules import (
    NOMINAL,
    RULES,
    Crossed,
    Judged,
    judged_by_rules,
    share_of,
    starts,
    unseen_shares,
)
from transfer import DEMO, PROGRAMS
from transfer_names import renamed
from zero_shot_data import base, each_name_once, families_of, one_trace, programs_of

from habitus import Label, TraceSet, fit_model, get_detector
from habitus.decisions.aggregation import Aggregation
from habitus.decisions.budget import Budget
from habitus.decisions.decision import decide
from habitus.decisions.scores import trace_scores
from habitus.evaluation.judged import judged_of
from habitus.evaluation.metrics import roc
from habitus.evaluation.protocols import get_protocol
from habitus.traces.holding_out import parts_kept_together

ROWS = WORK / "strangers"
SEED = 1
FOLDS = 5
DETECTORS: Mapping[str, tuple[str, ...]] = {
    "ngram": ("mean", "median", "quantile:0.9", "worst:20", "worst:200"),
    "disorder": ("whole",),
    "redundancy": ("whole",),
}
"""With the ways to make a trace's score; the first is the default."""
OWN = frozenset(
    {
        "as", "base64", "bash", "cat", "cc1", "chmod", "collect2", "dash", "date", "find", "gcc",
        "git", "grep", "gzip", "id", "ld", "ld.bfd", "ld.gold", "ls", "make", "mkdir", "mv", "rm",
        "rbash", "sh", "sqlite3", "tar", "wc",
    }
)  # fmt: skip
"""What the shipped recordings run, and other names of the same programs."""
OWN_BEGIN = ("python", "git-", "gcc-", "x86_64-linux-gnu-")
Bools = NDArray[np.bool_]


def judged_apart(detector: str, learned: TraceSet, judged: TraceSet) -> Row:
    """Scores of what was not learned."""
    fit = fitted(detector, {}, learned)
    unseen, pairs = unseen_shares(learned, judged)
    return {
        "scores": {
            way: alarmless(trace_scores(fit, judged, Aggregation.parse(way))).tolist()
            for way in DETECTORS[detector]
        },
        "unseen names": unseen.tolist(),
        "unseen pairs": pairs.tolist(),
    }


CODE = {
    name: code_of(
        get_detector(name).__module__, within=("habitus.decisions", "habitus.detectors")
    ) + work_of(judged_apart, unseen_shares)
    for name in DETECTORS
}  # fmt: skip


def row_of(detector: str, key: str, learned: TraceSet, judged: TraceSet) -> Row:
    """The row of one part, made now or before."""
    make = partial(judged_apart, detector, learned, judged)
    place = f"{detector}-{key}".replace(" ", "-")
    return kept(ROWS / f"{place}.json", version_of(CODE[detector], learned, judged), make)


@cache
def parts_of(what: str) -> NDArray[np.int64]:
    """(n_traces,) int64: in which part of the programs, or of the scenarios, a trace stands."""
    if what == "programs":
        together = np.unique(programs_of(base()), return_inverse=True)[1]
    else:
        together = parts_kept_together(base(), n_wanted=2 * FOLDS)  # as thresholds are set
    n_parts = int(together.max()) + 1
    order = np.random.default_rng(SEED).permutation(n_parts)
    return np.asarray((order % FOLDS)[together])


def crossed_of(detector: str) -> Crossed:
    """Every trace of the base, judged by models that never saw its scenario, or its program."""
    traces, judged = base(), {}
    for what in ("scenarios", "programs"):
        parts = parts_of(what)
        rows = [
            row_of(
                detector, f"{what}-{one}", traces.select(parts != one), traces.select(parts == one)
            )
            for one in range(FOLDS)
        ]
        judged[what] = Judged.of(traces, parts, rows)
    return Crossed(**judged)


def by_family(detector: str) -> Iterator[tuple[str, Judged]]:
    """Every family, judged by a model that saw none of it: the programs that it alone runs."""
    traces, families, programs = base(), families_of(base()), programs_of(base())
    for family in np.unique(families).tolist():
        here = families == family
        alone = traces.select(here & ~np.isin(programs, programs[~here]))
        row = row_of(detector, f"without-{family}", traces.select(~here), alone)
        yield family, Judged.of(alone, np.zeros(alone.n_traces, dtype=np.int64), [row])


def stranger_to_recordings(programs: NDArray[np.str_]) -> Bools:
    """(n,) which programs the shipped recordings do not run."""
    mask = ~np.isin(programs, sorted(OWN))
    for begin in OWN_BEGIN:
        mask &= ~np.char.startswith(programs, begin)
    return np.asarray(mask)


def own_thresholds(detector: str) -> Row:
    """What a model of the shipped normals sets."""
    model = fit_model(detector, renamed(DEMO.own()), seed=SEED)
    return {
        rate: decide(model.population, 0, Budget.parse(rate), seed=SEED).threshold
        for rate in NOMINAL
    }


def intrusions(detector: str, crossed: Crossed) -> dict[str, dict[str, Any]]:
    """The shipped recordings, judged by what never ran their programs, and by their own model."""
    rules, test = get_protocol(DEMO.protocol), renamed(DEMO.judged())
    strange = stranger_to_recordings(programs_of(base()))
    learned = {
        "their own normals": renamed(DEMO.own()), "the base": base().select(strange),
        "each name once": each_name_once(base()), "one trace": one_trace(base()),
    }  # fmt: skip
    thresholds = {
        "their own normals": {("own", rate): at for rate, at in own_thresholds(detector).items()},
        "the base": {
            (name, rate): RULES[name].thresholds(
                crossed.select(strange), test.lengths, starts(test), share_of(rate)
            )
            for name in TRIED for rate in NOMINAL
        },
    }  # fmt: skip
    found = {}
    for who, taught in learned.items():
        row = row_of(detector, f"intrusions-{who}", taught, test)
        scores = np.array(row["scores"][DETECTORS[detector][0]])
        judged = judged_of(test, scores, np.zeros(test.n_traces, dtype=bool), rules)
        groups = np.array([test.infos[i].group for i in judged.traces])
        sides = [judged.labels == side for side in (Label.NORMAL, Label.ATTACK)]
        found[who] = {
            "traces": taught.n_traces, "calls": taught.n_calls,
            "counts": [int(side.sum()) for side in sides],
            "auc": _area(judged.scores, *sides),
            "by program": {
                one: _area(judged.scores, *(side & _of(groups, one) for side in sides))
                for one in PROGRAMS
            },
            "alarms": {
                key: _rung(test, scores > at) for key, at in thresholds.get(who, {}).items()
            },
        }  # fmt: skip
    return found


def _rung(test: TraceSet, alarms: Bools) -> dict[str, float]:
    """The share of normal recordings, of attacks, and of normal traces, with an alarm."""
    groups = np.array([info.group for info in test.infos])
    normal = test.labels == Label.NORMAL
    attacked = np.isin(groups, groups[~normal])
    shares = {}
    for side, mask in (("normal", ~attacked), ("attack", attacked)):
        which = np.unique(groups[mask], return_inverse=True)[1]
        shares[side] = float(np.mean(np.bincount(which, weights=alarms[mask]) > 0))
    return {**shares, "traces": float(np.mean(alarms[~attacked]))}


def _of(groups: NDArray[np.str_], program: str) -> Bools:
    return np.array([f"{program}/" in group for group in groups])


def _area(scores: NDArray[np.float64], normal: Bools, attack: Bools) -> float:
    return roc(scores[normal], scores[attack]).auc


def main() -> None:
    """Judge what is not yet, and write the page."""
    crossed = {name: crossed_of(name) for name in DETECTORS}
    apart = {name: dict(by_family(name)) for name in DETECTORS}
    ruled = {name: judged_by_rules(crossed[name], apart[name]) for name in DETECTORS}
    found = {name: intrusions(name, crossed[name]) for name in DETECTORS}
    write_page("base_strangers", list(lines_of(crossed, apart, ruled, found)), "base_strangers.py")


if __name__ == "__main__":
    main()
