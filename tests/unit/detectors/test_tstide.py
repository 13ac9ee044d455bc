"""t-stide against its slow self: windows that are rare count as if they had never been seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from drawn_traces import JUDGED, LEARNED, LENGTHS, fitted
from hypothesis import given
from hypothesis import strategies as st
from reference import SlowTStide

from habitus.traces.traceset import TraceSet

if TYPE_CHECKING:
    from numpy.typing import NDArray


def surprise_of(
    name: str, learned: list[list[str]], judged: list[list[str]], **settings: object
) -> NDArray[np.float32]:
    return fitted(name, learned, **settings).surprise(TraceSet.from_names(judged))


@given(learned=LEARNED, judged=JUDGED, n=LENGTHS, rare=st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.9]))
def test_tstide_equals_its_slow_self(
    learned: list[list[str]], judged: list[list[str]], n: int, rare: float
) -> None:
    slow = SlowTStide(n, rare, learned)
    np.testing.assert_array_equal(
        surprise_of("tstide", learned, judged, n=n, rare=rare),
        [surprise for trace in judged for surprise in slow.surprise(trace)],
    )


@given(learned=LEARNED, judged=JUDGED, n=LENGTHS)
def test_where_nothing_is_rare_it_is_stide(
    learned: list[list[str]], judged: list[list[str]], n: int
) -> None:
    np.testing.assert_array_equal(
        surprise_of("tstide", learned, judged, n=n, rare=0.0),
        surprise_of("stide", learned, judged, n=n),
    )


def test_by_hand() -> None:
    """Of five windows `ac` is one: a fifth, less than a quarter, but not less than a fifth."""
    learned, judged = [list("ababac")], [list("abacX")]
    wanted = {0.25: [0, 0, 1, 1], 0.2: [0, 0, 0, 1], 0.5: [1, 1, 1, 1]}
    for rare, mismatches in wanted.items():
        found = surprise_of("tstide", learned, judged, n=2, rare=rare)
        assert np.isnan(found[0])
        assert found[1:].tolist() == mismatches


def test_shares_are_of_windows_not_of_calls() -> None:
    """Traces too short to hold a window, and the calls before the first one, do not count."""
    learned = [list("abc"), list("abc"), list("abd"), *([["a", "b"]] * 50)]
    found = surprise_of("tstide", learned, [list("abd")], n=3, rare=0.3)
    assert found[2] == 0
    found = surprise_of("tstide", learned, [list("abd")], n=3, rare=0.34)
    assert found[2] == 1


def test_on_adfa_ld_it_equals_its_slow_self(
    adfa: tuple[list[list[str]], list[list[str]], TraceSet],
) -> None:
    learned, lists, judged = adfa
    slow = SlowTStide(6, 1e-4, learned)
    surprise = fitted("tstide", learned, rare=1e-4).surprise(judged)
    np.testing.assert_array_equal(surprise, [s for trace in lists for s in slow.surprise(trace)])
    assert np.nanmean(surprise) > np.nanmean(fitted("stide", learned).surprise(judged))
