"""From members' scores to one."""

from __future__ import annotations

import numpy as np
import pytest

from habitus.ensembles.combination import UNITS, Combination, cross_settled
from habitus.errors import ModelError

KINDS = sorted(UNITS)
NORMAL = np.array([[1.0, 10.0], [2.0, 20.0], [3.0, 30.0], [4.0, 40.0], [5.0, 90.0]])
NAN = np.nan


def test_leaky_relu_is_equation_3_of_the_paper() -> None:
    made = Combination.settled("leaky-relu", 0.95, NORMAL)
    assert made.middle.tolist() == [3, 30]
    found = made.scores(np.array([[5.0, 40.0], [1.0, 40.0]]))
    assert found == pytest.approx([(2 + 10) / 2, (-0.002 + 10) / 2])


def test_average_is_of_standardised_scores() -> None:
    made = Combination.settled("average", 0.95, NORMAL)
    (found,) = made.scores(np.array([[5.0, 38.0]]))
    assert found == pytest.approx(2 / np.sqrt(2) / 2)


def test_the_largest_of_the_groups_averages_decides() -> None:
    random = np.random.default_rng(1)
    normal = random.normal(size=(500, 3)) * [1, 2, 3] + [4, 5, 6]
    made = Combination.settled("largest", 0.95, normal, ((0, 1), (2,)))
    assert made.group_spread[0] == pytest.approx(np.sqrt(0.5), abs=0.05)  # both know of nothing
    asked = np.array([[6.0, 9.0, 6.0], [4.0, 5.0, 15.0], [4.0, 5.0, NAN], [NAN, NAN, NAN]])
    found = made.scores(asked)
    assert found[:2] == pytest.approx([2 * np.sqrt(2), 3], abs=0.3)
    assert found[2] == pytest.approx(0, abs=0.1)
    assert np.isnan(found[3])
    assert made.deciding(asked)[:2].tolist() == [[True, True, False], [False, False, True]]


def test_a_member_may_stand_in_several_groups_and_each_alone_by_default() -> None:
    made = Combination.settled("largest", 0.95, NORMAL, ((0,), (0, 1)))
    again = Combination.from_state("largest", 2, made.state(), ((0,), (0, 1)))
    asked = np.array([[5.0, 38.0], [1.0, 90.0]])
    assert np.array_equal(made.scores(asked), again.scores(asked))
    alone = Combination.settled("largest", 0.95, NORMAL)
    assert alone.groups == ((0,), (1,))
    with pytest.raises(ModelError, match="group_middle"):
        Combination.from_state("largest", 2, made.state(), ((0,), (0, 1), (1,)))


def test_votes_are_counted_among_those_that_have_a_score() -> None:
    made = Combination.settled("vote", 0.5, NORMAL)
    asked = np.array([[3.5, 10.0], [3.5, 31.0], [3.5, NAN], [3.0, 30.0]])
    assert made.scores(asked).tolist() == [0.5, 1, 1, 0]


def test_tails_ask_how_rare_the_mean_is() -> None:
    random = np.random.default_rng(1)
    same = random.normal(size=4000)
    # Two members that say the same, and two that know nothing of each other.
    alike = np.stack([same, same], axis=1)
    unlike = np.stack([same, random.normal(size=4000)], axis=1)
    both_high = np.array([[1.64, 1.64]])  # a twentieth of normals is as high, for each
    rare = Combination.settled("tails", 0.95, alike).scores(both_high)[0]
    rarer = Combination.settled("tails", 0.95, unlike).scores(both_high)[0]
    assert rare == pytest.approx(-np.log(0.05), abs=0.15), "the second says nothing new"
    assert rarer > rare + 1


@pytest.mark.parametrize("kind", KINDS)
def test_what_no_member_scores_has_no_score_and_others_speak_for_one(kind: str) -> None:
    made = Combination.settled(kind, 0.5, NORMAL)
    found = made.scores(np.array([[NAN, NAN], [9.0, NAN]]))
    assert np.isnan(found[0])
    assert np.isfinite(found[1])


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_kept_of_it_makes_it_again(kind: str) -> None:
    made = Combination.settled(kind, 0.5, NORMAL)
    again = Combination.from_state(kind, 2, made.state())
    asked = np.array([[0.0, 55.0], [7.0, NAN], [1e6, 1e9]])
    assert np.array_equal(made.scores(asked), again.scores(asked), equal_nan=True)
    for name in made.state():
        with pytest.raises(ModelError):
            Combination.from_state(kind, 2, {n: a for n, a in made.state().items() if n != name})


@pytest.mark.parametrize("kind", KINDS)
def test_members_without_any_normal_score_are_no_error(kind: str) -> None:
    scores = np.column_stack([NORMAL[:, 0], np.full(5, NAN)])
    assert np.isfinite(Combination.settled(kind, 0.5, scores).scores(scores)).all()


@pytest.mark.parametrize("kind", KINDS)
def test_normals_are_scored_by_combinations_settled_without_them(kind: str) -> None:
    fold_of = np.arange(5)
    whole, found = cross_settled(kind, 0.5, NORMAL, fold_of)
    assert found.shape == (5,)
    by_hand = np.concatenate(
        [
            Combination.settled(kind, 0.5, NORMAL[fold_of != i]).raw(NORMAL[fold_of == i])
            for i in range(5)
        ]
    )
    assert found == pytest.approx(by_hand if whole.joint is None else whole.joint.at(by_hand))
