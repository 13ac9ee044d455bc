"""Ranks among neighbours by hand and the slow way, and what chance makes of families."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from habitus.pictures.neighbourhood import family_rank, neighbour_ranks


def on_a_circle(*degrees: float) -> np.ndarray:
    """Vectors of any length in these directions."""
    angles = np.radians(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32) * 3


def test_ranks_by_hand() -> None:
    # From 0: 10, then 50, then 180. From 50: 10 is nearest, then 0, then 180.
    ranks = neighbour_ranks(on_a_circle(0, 10, 50, 180))
    assert ranks.tolist() == [[0, 1, 2, 3], [1, 0, 2, 3], [2, 1, 0, 3], [3, 2, 1, 0]]


def test_how_long_a_vector_is_plays_no_part() -> None:
    vectors = on_a_circle(0, 10, 50, 180)
    lengths = np.array([[1], [100], [0.01], [7]], dtype=np.float32)
    np.testing.assert_array_equal(neighbour_ranks(vectors), neighbour_ranks(vectors * lengths))


def test_calls_that_lie_equally_near_share_their_place() -> None:
    ranks = neighbour_ranks(on_a_circle(0, 90, 90, 270))
    assert ranks[0].tolist() == [0, 2, 2, 2]
    assert neighbour_ranks(np.zeros((3, 2), np.float32)).tolist() == [
        [0, 1.5, 1.5], [1.5, 0, 1.5], [1.5, 1.5, 0],
    ]  # fmt: skip


@given(
    vectors=arrays(np.float32, st.tuples(st.integers(2, 7), st.integers(1, 3)),
                   elements=st.integers(-3, 3).map(float))
)  # fmt: skip
def test_ranks_are_those_of_counting(vectors: np.ndarray) -> None:
    """The place of j is 1 + how many lie nearer + half of those as near."""
    n = len(vectors)
    unit = [v / np.linalg.norm(v) if np.any(v) else v for v in vectors.astype(np.float64)]
    ranks = neighbour_ranks(vectors)
    for i in range(n):
        near = {j: round(float(unit[i] @ unit[j]), 9) for j in range(n) if j != i}
        for j, own in near.items():
            nearer = sum(other > own for other in near.values())
            as_near = sum(other == own for other in near.values()) - 1
            assert ranks[i, j] == 1 + nearer + as_near / 2
        assert ranks[i].sum() == n * (n - 1) / 2


def test_a_family_rank_by_hand() -> None:
    ranks = neighbour_ranks(on_a_circle(0, 10, 50, 180))
    found = family_rank(ranks, ["file", "time", "file", "unknown"])
    assert found is not None
    # 0's relative stands second, and so does 50's; the mean of all is (1 + 2 + 3) / 3 = 2.
    assert (found.value, found.n_calls, found.n_others) == (1.0, 2, 3)
    near = family_rank(ranks, ["file", "file", "time", "time"])
    assert near is not None
    # 1 of 0 and of 10; 3 of 50 and 1 of 180.
    assert near.value == pytest.approx((1 / 2 + 1 / 2 + 3 / 2 + 1 / 2) / 4)


def test_families_that_lie_together_are_beyond_chance_and_others_are_not() -> None:
    random = np.random.default_rng(1)
    families = ["file", "time", "memory", "signal"] * 10
    centres = {family: random.normal(size=8) for family in set(families)}
    together = np.array([centres[f] + 0.3 * random.normal(size=8) for f in families])
    found = family_rank(neighbour_ranks(together.astype(np.float32)), families)
    assert found is not None
    assert found.value < 0.5 < found.by_chance[0] < 1 < found.by_chance[1]
    assert found.p_value == pytest.approx(1 / 1001)
    apart = random.normal(size=(40, 8)).astype(np.float32)
    by_chance = family_rank(neighbour_ranks(apart), families)
    assert by_chance is not None
    assert by_chance.by_chance[0] < by_chance.value < by_chance.by_chance[1]
    assert 0.025 < by_chance.p_value < 0.975


@pytest.mark.parametrize(
    "families", [["file"] * 4, ["unknown"] * 4, ["file", "time", "memory", "unknown"]]
)
def test_where_there_is_nothing_to_compare_there_is_no_rank(families: list[str]) -> None:
    assert family_rank(neighbour_ranks(on_a_circle(0, 10, 50, 180)), families) is None


def test_the_same_seed_shuffles_alike() -> None:
    ranks = neighbour_ranks(np.random.default_rng(2).normal(size=(30, 4)).astype(np.float32))
    families = ["file", "time", "memory"] * 10
    assert family_rank(ranks, families, seed=4) == family_rank(ranks, families, seed=4)
