"""Whether the published separation of the autoencoder `daisi` is an artefact of its encoding.

Its authors numbered the calls of every attack folder anew, in the order of a Python set. Here the
same configuration, with one vocabulary and with theirs, beside a control without any attack.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache, partial

import numpy as np
import torch
from common import WORK, test_data, write_page
from encoding_page import N_FOLDERS, page
from kept import JUDGED_BY, JUDGES, Row, code_of, kept, version_of, work_of

from habitus import TraceSet, get_detector
from habitus.datasets.source import find_source
from habitus.decisions.aggregation import Aggregation
from habitus.detectors.base import SequenceDetector
from habitus.evaluation.baselines import trivial_baselines
from habitus.evaluation.bootstrap import area_interval
from habitus.evaluation.metrics import roc
from habitus.evaluation.protocols import get_protocol
from habitus.evaluation.protocols import test_part as judged_part
from habitus.learning.task import Judged
from habitus.learning.windows import WindowTask
from habitus.syscalls.names import number_of

SEEDS = (1, 2, 3)
EPOCHS = 12
FOLDER = WORK / "encoding"


@cache
def adfa() -> tuple[TraceSet, str]:
    """All of ADFA-LD, and the archive's SHA-256."""
    source = find_source(str(test_data() / "adfa-ld" / "ADFA-LD.zip"))
    return source.read(), source.sha256


@cache
def parts() -> dict[str, TraceSet]:
    """ADFA-LD by ``training``, ``validation`` and ``attack``."""
    traces = adfa()[0]
    return {
        split: traces.select([i for i, info in enumerate(traces.infos) if info.split == split])
        for split in ("training", "validation", "attack")
    }


def numbers_of(traces: TraceSet) -> np.ndarray:
    """(n_calls,) the calls as the files have them: numbers of i386."""
    return np.array([number_of("i386", name) for name in traces.alphabet])[traces.calls]


def set_order(numbers: np.ndarray) -> list[int]:
    """The different numbers in the order in which Python walks through a set of them."""
    return list(set(numbers.tolist()))


def random_order(random: np.random.Generator) -> Callable[[np.ndarray], list[int]]:
    """The different numbers in an order drawn anew."""
    return lambda numbers: random.permutation(np.unique(numbers)).tolist()


def encoded_anew(
    traces: TraceSet,
    folders: Sequence[str],
    learned: TraceSet,
    order: Callable[[np.ndarray], list[int]],
) -> TraceSet:
    """What a model takes traces for whose calls were numbered folder by folder.

    The call with index i of a folder is read as the one with index i of what was learned.
    """
    by_index = [f"{number}" for number in set_order(numbers_of(learned))]
    names = {str(number_of("i386", name)): name for name in learned.alphabet}
    alphabet = (*(names[number] for number in by_index), "beyond")
    numbers = numbers_of(traces)
    calls = np.empty(traces.n_calls, dtype=np.uint16)
    folder_of_call = np.repeat(np.asarray(folders), traces.lengths)
    for folder in dict.fromkeys(folders):
        mine = folder_of_call == folder
        index = {number: i for i, number in enumerate(order(numbers[mine]))}
        calls[mine] = [min(index[n], len(by_index)) for n in numbers[mine].tolist()]
    return replace(traces, calls=calls, alphabet=alphabet)


class Watch:
    """Looks at the embedding whenever the network is judged: after every epoch."""

    def __init__(self) -> None:
        self.rows: list[list[float]] = []
        self._judge = WindowTask.judge

    def __enter__(self) -> Watch:
        def judge(task: WindowTask) -> Judged:
            judged = self._judge(task)
            self.rows.append(self._row(task, judged))
            return judged

        WindowTask.judge = judge  # type: ignore[method-assign, assignment]
        return self

    def __exit__(self, *_: object) -> None:
        WindowTask.judge = self._judge  # type: ignore[method-assign]

    @staticmethod
    def _row(task: WindowTask, judged: Judged) -> list[float]:
        """Held-out loss, what answering with the mean embedding would cost, share right, norm."""
        windows, weights = task._judged.batch(slice(None), torch.device("cpu"))
        share = torch.zeros(task.network.n_symbols + 1).index_add_(
            0, windows.flatten(), weights.repeat_interleave(windows.shape[1])
        )[:, None]
        share /= share.sum()
        rows = task.network.embedding.weight
        spread = (share * (rows - (share * rows).sum(0)).square()).sum(0).mean()
        return [judged.loss, float(spread), judged.accuracy, float(task.network.norm)]


def daisi(epochs: int) -> SequenceDetector:
    """The published configuration."""
    return get_detector("autoencoder").with_settings({"preset": "daisi", "epochs": epochs})


def measured(
    detector: SequenceDetector, normal: TraceSet, judged: dict[str, tuple[TraceSet, list[str]]]
) -> Row:
    """The area and the ratio of losses of each condition against the same normals."""
    mean = Aggregation.parse("mean")
    of_normals = detector.surprise(normal)
    normals = mean.scores(of_normals, normal.offsets)
    found: Row = {}
    for name, (traces, folders) in judged.items():
        surprise = detector.surprise(traces)
        scores = mean.scores(surprise, traces.offsets)
        clusters = np.unique(folders, return_inverse=True)[1]
        interval = area_interval(normals, scores, normal.sequence_ids(), clusters, seed=1)
        found[name] = {
            "auc": roc(normals, scores).auc,
            "interval": list(interval or ()),
            "ratio": float(np.nanmean(surprise) / np.nanmean(of_normals)),
        }
    return found


def measure_seed(seed: int, epochs: int) -> Row:
    """One training, and all conditions."""
    learned, attack = parts()["training"], parts()["attack"]
    detector = daisi(epochs)
    with Watch() as watch:
        detector.fit(learned, seed=seed)
    random = np.random.default_rng(seed)
    folders = {
        "attacks": [info.group for info in attack.infos],
        "control": [f"{i}" for i in random.integers(N_FOLDERS, size=learned.n_traces)],
    }
    judged = {}
    for name, one in (("attacks", attack), ("control", learned)):
        judged[name] = (one, folders[name])
        for kind, order in (("set", set_order), ("random", random_order(random))):
            anew = encoded_anew(one, folders[name], learned, order)
            judged[f"{name} {kind}"] = (anew, folders[name])
    return {
        "epochs": watch.rows,
        "found": measured(detector, parts()["validation"], judged),
    }


# Now, as it is imported: an edit in the midst of a run must not stand for what runs.
CODE = code_of(get_detector("autoencoder").__module__, *JUDGED_BY, within=JUDGES) + work_of(
    measure_seed, measured, encoded_anew, numbers_of, set_order, random_order, Watch, daisi
)


def row_of(seed: int, epochs: int) -> Row:
    """What was measured with this seed before, or is now."""
    settings = daisi(epochs).settings.model_dump(mode="json")
    version = version_of(
        CODE, *parts().values(), settings=settings, seed=seed, folders=N_FOLDERS, data=adfa()[1]
    )
    row = kept(FOLDER / f"{seed}-{epochs}.json", version, partial(measure_seed, seed, epochs))
    return {**row, "settings": settings}


def counting() -> float:
    """The area of what anyone can tell by counting different calls, where all is judged."""
    protocol = get_protocol("adfa-ld")
    baselines = trivial_baselines(judged_part(adfa()[0], protocol), protocol, (0.01,))
    return next(baseline.auc for baseline in baselines if baseline.name == "distinct calls")


def main() -> None:
    """Measure what is not yet, and write the page if it is all of what the page shows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS))
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    rows = [row_of(seed, asked.epochs) for seed in asked.seeds]
    if (tuple(asked.seeds), asked.epochs) != (SEEDS, EPOCHS):
        print(f"the page is of seeds {SEEDS} and {EPOCHS} epochs: it is not written")
        return
    write_page("encoding", page(rows, parts(), counting()), "encoding.py")


if __name__ == "__main__":
    main()
