"""Disorder against a slow reader of the definition, its regression, and its bound of memory."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from collections import Counter, defaultdict
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import habitus
from habitus.detectors.disorder import Disorder
from habitus.detectors.disorder_reading import OrderReader
from habitus.errors import ModelError
from habitus.traces.vocabulary import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

SYMBOLS = st.lists(st.sampled_from([0, 1, 2, 7, int(UNKNOWN)]), max_size=80)


def slowly(symbols: Sequence[int], order: int, floor: float) -> list[float]:
    """Nats of each call, by counting the followers of every history."""
    followers: dict[tuple[int, ...], Counter[int]] = defaultdict(Counter)
    followers[()][-1] = 1  # the start
    nats = []
    for i, symbol in enumerate(symbols):
        own = -2 - i if symbol == UNKNOWN else symbol  # each unknown call is one never met
        begun = max((j + 1 for j in range(i) if symbols[j] == UNKNOWN), default=0)
        histories = [tuple(symbols[i - n : i]) for n in range(min(order - 1, i - begun) + 1)]
        chance = 1 / floor
        for history in histories:
            seen = followers[history]
            if seen:
                chance = (seen[own] + len(seen) * chance) / (seen.total() + len(seen))
        for history in histories:
            followers[history][own] += 1
        nats.append(-math.log(chance))
    return nats


def read(symbols: Sequence[int], order: int = 3, windows: int = 1 << 20) -> NDArray[np.float32]:
    return OrderReader(order, 341.0, windows).read(np.array(symbols, dtype=np.uint16))


@given(symbols=SYMBOLS, order=st.integers(1, 6))
def test_a_reader_equals_its_slow_self(symbols: list[int], order: int) -> None:
    np.testing.assert_allclose(read(symbols, order), slowly(symbols, order, 341.0), rtol=1e-6)


@given(symbols=SYMBOLS, cut=st.integers(0, 80))
def test_a_reader_goes_on_where_it_stopped(symbols: list[int], cut: int) -> None:
    reader, calls = OrderReader(4, 341.0, 1 << 20), np.array(symbols, dtype=np.uint16)
    parts = np.concatenate([reader.read(calls[:cut]), reader.read(calls[cut:])])
    whole = OrderReader(4, 341.0, 1 << 20)
    assert np.array_equal(parts, whole.read(calls))
    assert reader.nats == whole.nats
    assert reader.n_calls == len(symbols)
    assert reader.n_distinct == len(set(symbols))


def test_by_hand() -> None:
    """The start counts as one call: a new one has (1 / 2) / 341, then a repeated one much more."""
    found = np.exp(-read([5, 5, 5], order=2).astype(float))
    second = (1 + 2 / 341) / (2 + 2)
    third = (1 + (2 + 2 / 341) / (3 + 2)) / (1 + 1)
    assert found == pytest.approx([1 / 341 / 2, second, third], rel=1e-6)


def test_many_windows_are_found_again_as_the_table_grows() -> None:
    symbols = np.random.default_rng(1).integers(0, 40, 3000).tolist()
    np.testing.assert_allclose(read(symbols, 5), slowly(symbols, 5, 341.0), rtol=1e-5)


def test_memory_has_a_bound_and_what_is_known_still_counts() -> None:
    noise = np.random.default_rng(1).integers(0, 300, 20_000).tolist()
    reader = OrderReader(12, 341.0, 1024)
    reader.read(np.array(noise + [1] * 2000, dtype=np.uint16))
    assert len(reader._count) == 1025
    assert len(reader._keys) == 4096
    loop_first = read([1] * 2000 + noise + [1] * 2000, 12, 1024)
    assert loop_first[-1] < 0.01, "windows of the loop were there before memory was full"


def of(*traces: str) -> habitus.TraceSet:
    return habitus.TraceSet.from_names([list(trace) for trace in traces])


ORDERLY = tuple("abc" * n + "d" * (n % 3) for n in range(5, 40))


def test_a_disturbed_trace_is_stranger_than_an_orderly_one_of_the_same_calls() -> None:
    detector = Disorder()
    detector.fit(of(*ORDERLY))
    orderly, shuffled = "abc" * 30, "".join(np.random.default_rng(1).permutation(list("abc" * 30)))
    other_order = "cba" * 30
    scores = detector.trace_scores(of(orderly, shuffled, other_order, "", "a"))
    assert scores[0] < 0.1
    assert scores[1] > scores[0] + 1
    assert scores[2] == pytest.approx(scores[0]), "which calls repeat, and how, tells it nothing"
    assert np.isnan(scores[3])
    assert np.isfinite(scores[4])


def test_the_expected_cost_is_that_of_a_regression_of_logarithms() -> None:
    detector = Disorder()
    # Ten times each, so that the doubt of a single trace's weight hardly moves the slopes.
    learned = of(*[t + u for t in ORDERLY for u in ("", "ef", "ghij", "klmnop")] * 10)
    detector.fit(learned)
    scores = detector.trace_scores(learned)
    readers = []
    for trace in range(learned.n_traces):
        reader = detector.reader()
        reader.read(learned.calls[learned.offsets[trace] : learned.offsets[trace + 1]])
        readers.append((np.log(reader.n_distinct), np.log(reader.n_calls)))
    regressors = np.column_stack([np.ones(len(readers)), readers])
    wanted = scores + regressors @ detector.weights
    theirs = np.linalg.lstsq(regressors, wanted, rcond=None)[0]
    np.testing.assert_allclose(detector.weights, theirs, atol=0.03)
    assert abs(scores.mean()) < 1e-9


def test_nothing_but_empty_traces_to_learn_from_expects_one_nat() -> None:
    detector = Disorder()
    detector.fit(of("", ""))
    assert detector.weights.tolist() == [0, 0, 0]
    assert detector.trace_scores(of("a")) == pytest.approx([math.log(math.log(2 * 341))])


def test_calls_never_learned_are_no_free_pass() -> None:
    detector = Disorder()
    detector.fit(of(*ORDERLY))
    few, many = detector.trace_scores(of("abc" * 30 + "X" + "abc" * 30, "XYZ" * 20))
    assert few < 0.3, "one new call is no alarm by itself"
    assert many > 2, "as nothing tells them apart, none of them is ever expected"


@pytest.mark.parametrize("weights", [np.zeros(2), np.zeros(3, np.float32), [0, np.nan, 0]])
def test_forged_weights_are_refused(weights: NDArray[np.generic]) -> None:
    with pytest.raises(ModelError, match="'weights'"):
        Disorder().restore({"weights": np.asarray(weights)})


def test_not_compiled_it_counts_the_same() -> None:
    program = (
        "import numpy as np; from habitus.detectors.disorder_reading import OrderReader; "
        "calls = np.random.default_rng(1).integers(0, 30, 2000).astype(np.uint16); "
        "reader = OrderReader(8, 341.0, 4096); reader.read(calls); print(reader.nats.hex())"
    )
    found = {
        subprocess.run(
            [sys.executable, "-W", "error::RuntimeWarning", "-c", program],
            check=True, capture_output=True, text=True,
            env={**os.environ, "NUMBA_DISABLE_JIT": disabled},
        ).stdout
        for disabled in ("0", "1")
    }  # fmt: skip
    assert len(found) == 1
