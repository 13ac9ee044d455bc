"""What a model that learned one site, machine or ABI is worth on another.

    python benchmarks/transfer.py

Every model is kept as soon as it has judged; what was interrupted goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial

import numpy as np
from common import WORK, test_data, write_page
from kept import Row, code_of, kept, version_of, work_of
from limits_data import adfa, alarmless
from numpy.typing import NDArray
from transfer_names import renamed
from transfer_page import lines_of
from unm import renumbered, source_of

from habitus import Label, TraceSet, fit_model, get_detector, read_traces
from habitus.datasets.source import find_source
from habitus.evaluation.baselines import trivial_baselines
from habitus.evaluation.bootstrap import area_interval
from habitus.evaluation.judged import judged_of
from habitus.evaluation.metrics import roc
from habitus.evaluation.protocols import Protocol, get_protocol, training_part
from habitus.evaluation.protocols import test_part as judged_part
from habitus.models.model import Model

ROWS = WORK / "transfer"
SEED = 1
# A detector is added by a line.
DETECTORS: dict[str, tuple[str, Mapping[str, object]]] = {
    "stide": ("stide", {}),
    "markov order=3": ("markov", {"order": 3}),
    "ngram": ("ngram", {}),
    "neighbours": ("neighbours", {}),
    "outlier estimator=one-class-svm": ("outlier", {"estimator": "one-class-svm"}),
}
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Site:
    """Where a program, or several, were recorded.

    Attributes:
        name: how tables call it.
        read: its traces, normals and attacks.
        protocol: what of it is judged, and what its own models learn.
        lends: what models that judge elsewhere learn; the normals that its own learn by default.
    """

    name: str
    read: Callable[[], TraceSet]
    protocol: str
    lends: Callable[[TraceSet], Bools] | None = None

    @property
    def rules(self) -> Protocol:
        """Its protocol."""
        return get_protocol(self.protocol)

    def own(self) -> TraceSet:
        """What its own models learn."""
        return training_part(self.read(), self.rules)[0]

    def lent(self) -> TraceSet:
        """What is learned here to judge elsewhere."""
        traces = self.read()
        return self.own() if self.lends is None else traces.select(self.lends(traces))

    def judged(self) -> TraceSet:
        """What is judged here, the same by every model."""
        return judged_part(self.read(), self.rules)


def _normals(traces: TraceSet) -> Bools:
    return np.asarray(traces.labels == Label.NORMAL)


@cache
def lpr_of_mit() -> TraceSet:
    """With the attacks numbered as the normals are."""
    return renumbered(source_of("lpr-live-mit").read(), "exploit-ai")


@cache
def lpr_of_unm() -> TraceSet:
    """Numbered as MIT's; its second attack, numbered in another way, is left out."""
    traces = source_of("lpr-live-unm").read()
    chosen = np.array([info.attack in {"", "exploit-unm"} for info in traces.infos])
    return renumbered(traces.select(chosen), "", "exploit-unm")


@cache
def sendmail_of(site: str) -> TraceSet:
    """As published: the two are numbered alike."""
    return source_of(f"sendmail-synth-{site}").read()


@cache
def demo() -> TraceSet:
    """The recordings that Habitus ships."""
    return find_source("demo").read()


@cache
def before_exploit() -> TraceSet:
    """What the threads of one LID-DS recording did before the exploit."""
    traces = read_traces(test_data() / "lid-ds" / "aggressive_nightingale_1018.sc.gz")
    if traces.times_ns is None:
        raise SystemExit("the recording of LID-DS tells no times")
    early = traces.times_ns < traces.infos[0].attack_ns
    counts = np.add.reduceat(early, traces.offsets[:-1])
    rows = [traces.trace(i)[: int(count)] for i, count in enumerate(counts) if count]
    return TraceSet.from_names(rows)


def of_program(program: str) -> TraceSet:
    """One of the shipped programs."""
    chosen = [f"{program}/" in info.group for info in demo().infos]
    return demo().select(np.array(chosen))


PROGRAMS = ("web", "build", "database")
PAIRS = (
    (
        Site("MIT's lpr", lpr_of_mit, "unm/lpr", _normals),
        Site("UNM's lpr", lpr_of_unm, "unm/lpr", _normals),
    ),
    (
        Site("CERT's sendmail", partial(sendmail_of, "cert"), "unm/sendmail", _normals),
        Site("UNM's sendmail", partial(sendmail_of, "unm"), "unm/sendmail", _normals),
    ),
)
ADFA = Site("ADFA-LD, i386", adfa, "adfa-ld/dev")
DEMO = Site("the shipped programs, x86_64", demo, "demo")


def model_of(name: str, learned: TraceSet) -> Model:
    """With the threshold that it would be used with: 1 % false alarms where it learned."""
    kind, settings = DETECTORS[name]
    return fit_model(kind, learned, settings=settings, seed=SEED)


def measured(name: str, learned: TraceSet, test: TraceSet, protocol: str) -> Row:
    """How one model judges one test: area, detection at 1 %, and at the threshold it brings."""
    model, rules = model_of(name, learned), get_protocol(protocol)
    scores = alarmless(model.scores(test))
    judged = judged_of(test, scores, np.zeros(test.n_traces, dtype=bool), rules)
    normal, attack = judged.of(Label.NORMAL), judged.of(Label.ATTACK)
    curve = roc(normal.scores, attack.scores)
    found, achieved = curve.detection_at(0.01)
    alarms = [np.mean(side.scores > model.decision.threshold) for side in (normal, attack)]
    return {
        "auc": curve.auc,
        "interval": area_interval(
            normal.scores, attack.scores, normal.clusters, attack.clusters, seed=SEED
        ),
        "found": found, "achieved": achieved, "n_normal": len(normal.scores),
        "n_attack": len(attack.scores),
        "carried": {"false alarms": float(alarms[0]), "found": float(alarms[1])},
    }  # fmt: skip


# Now, as it is imported: an edit in the midst of a run must not stand for what runs.
_WITHIN = (
    "habitus.decisions", "habitus.detectors", "habitus.evaluation", "habitus.models", "limits_data",
)  # fmt: skip
CODE = {
    name: code_of(
        get_detector(kind).__module__, "habitus.models.training", "habitus.evaluation.judged",
        within=_WITHIN,
    ) + work_of(measured, model_of)
    for name, (kind, _) in DETECTORS.items()
}  # fmt: skip


def judged_by(name: str, learned: TraceSet, test: TraceSet, protocol: str, key: str) -> Row:
    """One model's row, measured now or before."""
    version = version_of(CODE[name], learned, test, settings=DETECTORS[name][1], protocol=protocol)
    make = partial(measured, name, learned, test, protocol)
    return kept(ROWS / f"{key}-{name}.json", version, make)


def counted(test: TraceSet, protocol: str) -> Row:
    """What counting calls gives where a model judges, the better of two counts and directions."""
    best = max(trivial_baselines(test, get_protocol(protocol), (0.01,)), key=lambda b: b.auc)
    return {"auc": best.auc, "found": best.dr_at_fpr["0.01"]}


def unknown(learned: TraceSet, test: TraceSet) -> dict[str, float]:
    """The share of the judged calls, and of the judged traces, with a name never learned."""
    known = {learned.alphabet[call] for call in np.unique(learned.calls)}
    new = np.array([name not in known for name in test.alphabet])[test.calls]
    by_trace = np.array([chunk.any() for chunk in np.split(new, test.offsets[1:-1])])
    return {"calls": float(new.mean()), "traces": float(by_trace.mean())}


def shared(learned: TraceSet, test: TraceSet) -> dict[str, float]:
    """The share of the judged normals, and of the attacks, that equal a trace learned."""
    known = {bytes(digest) for digest in learned.sequence_digests()}
    equal = np.array([bytes(digest) in known for digest in test.sequence_digests()])
    normal = _normals(test)
    return {"normal": float(equal[normal].mean()), "attack": float(equal[~normal].mean())}


def program_rows(here: Site, there: Site) -> dict[str, object]:
    """How models of either site judge one of them."""
    test = here.judged()
    lent = there.lent()
    rows = {}
    for name in DETECTORS:
        key = f"{here.name}-by-"
        rows[name] = {
            side: judged_by(name, learned, test, here.protocol, f"{key}{whose}".replace(" ", "-"))
            for side, learned, whose in (("own", here.own(), here.name), ("lent", lent, there.name))
        }
    return {
        "here": here.name, "there": there.name, "rows": rows,
        "counted": counted(test, here.protocol), "unknown": unknown(lent, test),
        "shared": shared(lent, test), "n_lent": lent.n_traces,
        "n_normal": int(_normals(test).sum()), "n_attack": int((~_normals(test)).sum()),
    }  # fmt: skip


def abi_rows(here: Site, lenders: Mapping[str, TraceSet]) -> dict[str, object]:
    """How models of other ABIs and systems judge, by names as they are and by one for one call."""
    test, found = here.judged(), {}
    for lender, learned in lenders.items():
        for naming, of in (("as they are", lambda traces: traces), ("one name", renamed)):
            key = f"{here.name}-by-{lender}-{naming}".replace(" ", "-")
            found[lender, naming] = {
                "unknown": unknown(of(learned), of(test)),
                "rows": {
                    name: judged_by(name, of(learned), of(test), here.protocol, key)
                    for name in DETECTORS
                },
            }
    return {"here": here.name, "columns": found, "counted": counted(test, here.protocol)}


def program_matrix(name: str) -> dict[tuple[str, str], Row]:
    """How a model of each shipped program judges each of them: one machine, one ABI."""
    sites = {one: Site(one, partial(of_program, one), "demo") for one in PROGRAMS}
    return {
        (learned, judged): judged_by(
            name, sites[learned].own(), sites[judged].judged(), "demo", f"{judged}-by-{learned}"
        )
        for learned in PROGRAMS for judged in PROGRAMS
    }  # fmt: skip


def main() -> None:
    """Measure what is not yet, and write the page."""
    pairs = [program_rows(a, b) for one, other in PAIRS for a, b in ((one, other), (other, one))]
    lenders = {
        "ADFA-LD, i386": ADFA.own(), "the shipped programs, x86_64": DEMO.own(),
        "LID-DS before the exploit, x86_64": before_exploit(),
    }  # fmt: skip
    abis = [abi_rows(here, lenders) for here in (ADFA, DEMO)]
    matrices = {name: program_matrix(name) for name in ("stide", "ngram")}
    write_page("transfer", list(lines_of(pairs, abis, matrices)), "transfer.py")


if __name__ == "__main__":
    main()
