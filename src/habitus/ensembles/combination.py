"""`Combination`: from the members' scores of a trace to one, settled on normal traces."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from habitus.ensembles.tail_curve import TailCurve
from habitus.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

Kind = Literal["tails", "average", "largest", "leaky-relu", "vote"]
Groups = tuple[tuple[int, ...], ...]
LEAK = 0.001
"""What is left of a score below its middle: equation 3 of Kim et al. 2016."""
UNITS: Mapping[Kind, str] = {
    "tails": "nats of rarity",
    "average": "standard deviations",
    "largest": "standard deviations",
    "leaky-relu": "above the median",
    "vote": "of the members",
}


@dataclass(frozen=True, eq=False)
class Combination:
    """How members' scores become one.

    Attributes:
        middle: (n_members,) float64: the normals' median (``leaky-relu``), mean (``average``,
            ``largest``) or the quantile above which a member votes (``vote``); ``spread`` their
            standard deviation.
        groups: for ``largest``, the members that stand together, by place; one may stand in several
            groups. ``group_middle`` and ``group_spread``, (n_groups,) float64, are of the groups'
            averages.
        curves: for ``tails``, one a member.
        joint: for ``tails``, that of the combined score: members are dependent, so that the mean of
            their nats says nothing of how rare it is.
    """

    kind: Kind
    middle: Floats
    spread: Floats
    groups: Groups = ()
    group_middle: Floats = field(default_factory=lambda: np.zeros(0))
    group_spread: Floats = field(default_factory=lambda: np.ones(0))
    curves: tuple[TailCurve, ...] = ()
    joint: TailCurve | None = None

    @classmethod
    def settled(
        cls, kind: Kind, vote_over: float, scores: Floats, groups: Groups = ()
    ) -> Combination:
        """On what members make of normal traces that they have not learned.

        Args:
            scores: (n_traces, n_members) float64; NaN where a member has none.
            groups: for ``largest``; by default each member stands alone.
        """
        columns = [column[np.isfinite(column)] for column in scores.T]
        columns = [column if len(column) else np.zeros(1) for column in columns]
        if kind == "vote":
            middle = [float(np.quantile(column, vote_over)) for column in columns]
        elif kind == "leaky-relu":
            middle = [float(np.median(column)) for column in columns]
        else:
            middle = [float(np.mean(column)) for column in columns]
        spread = [float(np.std(column)) or 1.0 for column in columns]
        made = cls(kind, np.array(middle), np.array(spread))
        if kind == "largest":
            made = replace(made, groups=groups or tuple((i,) for i in range(len(columns))))
            averages = made.averages(made.parts(scores)).T
            known = [column[np.isfinite(column)] for column in averages]
            known = [column if len(column) else np.zeros(1) for column in known]
            return replace(
                made,
                group_middle=np.array([float(np.mean(column)) for column in known]),
                group_spread=np.array([float(np.std(column)) or 1.0 for column in known]),
            )
        if kind != "tails":
            return made
        made = replace(made, curves=tuple(TailCurve.of(column) for column in columns))
        return replace(made, joint=TailCurve.of(_mean(made.parts(scores))))

    def with_joint(self, combined: Floats) -> Combination:
        """This one with another curve of the combined score.

        Args:
            combined: (n_traces,) float64, the `raw` scores of normal traces, by combinations that
                were settled on others.
        """
        if self.kind != "tails":
            return self
        return replace(self, joint=TailCurve.of(combined))

    def parts(self, scores: Floats) -> Floats:
        """(n_traces, n_members) float64: what each member adds, before the mean is taken."""
        if self.kind == "tails":
            return np.stack([c.at(s) for c, s in zip(self.curves, scores.T, strict=True)], axis=1)
        above = scores - self.middle
        if self.kind in ("average", "largest"):
            return above / self.spread
        if self.kind == "leaky-relu":
            return np.maximum(above, LEAK * above)
        return np.where(np.isnan(above), np.nan, (above > 0).astype(np.float64))

    def averages(self, parts: Floats) -> Floats:
        """(n_traces, n_groups) float64: the mean of each group's parts; NaN where none has one."""
        return np.stack([_mean(parts[:, list(group)]) for group in self.groups], axis=1)

    def standardised(self, scores: Floats) -> Floats:
        """(n_traces, n_groups) float64: each group's average in its normals' deviations."""
        above: Floats = self.averages(self.parts(scores)) - self.group_middle
        return above / self.group_spread

    def deciding(self, scores: Floats) -> NDArray[np.bool_]:
        """(n_traces, n_members): whose parts the score is made of: of ``largest``, one group's."""
        decides = np.ones(scores.shape, dtype=np.bool_)
        if self.kind == "largest":
            groups = np.where(np.isnan(found := self.standardised(scores)), -np.inf, found)
            of_group = np.zeros((len(self.groups), scores.shape[1]), dtype=np.bool_)
            for i, group in enumerate(self.groups):
                of_group[i, list(group)] = True
            decides = of_group[groups.argmax(axis=1)]
        return decides

    def raw(self, scores: Floats) -> Floats:
        """(n_traces,) float64: the mean of the parts of the members that have a score.

        Of ``largest``, the largest of the groups' averages.
        """
        if self.kind != "largest":
            return _mean(self.parts(scores))
        found = self.standardised(scores)
        largest: Floats = np.where(np.isnan(found), -np.inf, found).max(axis=1)
        return np.where(np.isneginf(largest), np.nan, largest)

    def scores(self, scores: Floats) -> Floats:
        """(n_traces,) float64: the score of each trace; NaN where no member has one."""
        raw = self.raw(scores)
        return raw if self.joint is None else self.joint.at(raw)

    def rounding(self, errors: Floats) -> float:
        """How far a score may go astray by members' errors, (n_members,) float64."""
        if self.kind == "vote":
            return 0.0
        if self.kind == "leaky-relu":
            return float(errors.max())
        if self.kind == "largest":
            return float((errors / self.spread).max() / self.group_spread.min())
        if self.joint is None:
            return float((errors / self.spread).max())
        slopes = np.array([curve.steepest for curve in self.curves])
        return float((errors * slopes).max()) * self.joint.steepest

    def state(self) -> dict[str, NDArray[np.generic]]:
        """Its arrays, by name."""
        arrays: dict[str, NDArray[np.generic]] = {"middle": self.middle, "spread": self.spread}
        if self.kind == "largest":
            arrays |= {"group_middle": self.group_middle, "group_spread": self.group_spread}
        named = {f"curve.{i}": curve for i, curve in enumerate(self.curves)}
        if self.joint is not None:
            named["joint"] = self.joint
        for prefix, curve in named.items():
            arrays |= {f"{prefix}.{name}": array for name, array in curve.state().items()}
        return arrays

    @classmethod
    def from_state(
        cls,
        kind: Kind,
        n_members: int,
        state: Mapping[str, NDArray[np.generic]],
        groups: Groups = (),
    ) -> Combination:
        """The combination whose `state` this is.

        Raises:
            ModelError: if the arrays make none.
        """

        def numbers(name: str, n: int) -> Floats:
            array = state.get(name)
            if (
                array is None
                or array.dtype != np.float64
                or array.shape != (n,)
                or not np.isfinite(array).all()
            ):
                raise ModelError(f"the array {name!r} of the combination is missing or damaged")
            found: Floats = array.astype(np.float64, copy=False)
            if name.endswith("spread") and np.any(found <= 0):
                raise ModelError("the members' spread is not above 0")
            return found

        made = cls(kind, numbers("middle", n_members), numbers("spread", n_members))
        if kind == "largest":
            groups = groups or tuple((i,) for i in range(n_members))
            return replace(
                made,
                groups=groups,
                group_middle=numbers("group_middle", len(groups)),
                group_spread=numbers("group_spread", len(groups)),
            )
        if kind != "tails":
            return made

        def curve(prefix: str) -> TailCurve:
            own = {n.removeprefix(prefix): a for n, a in state.items() if n.startswith(prefix)}
            return TailCurve.from_state(own)

        curves = tuple(curve(f"curve.{i}.") for i in range(n_members))
        return replace(made, curves=curves, joint=curve("joint."))


def cross_settled(
    kind: Kind,
    vote_over: float,
    scores: Floats,
    fold_of: NDArray[np.int64],
    groups: Groups = (),
) -> tuple[Combination, Floats]:
    """A combination, and what normal traces score by others settled without them.

    Args:
        scores: (n_traces, n_members) float64, of normal traces that no member learned.
        fold_of: (n_traces,) int64, which traces are left out together.

    Returns:
        The combination settled on all of them; (n_traces,) float64, their scores.
    """
    n_folds = int(fold_of.max()) + 1 if len(fold_of) else 0
    whole = Combination.settled(kind, vote_over, scores, groups)
    if n_folds < 2:
        return whole, whole.scores(scores)
    raw = np.full(len(scores), np.nan)
    for fold in range(n_folds):
        judged = fold_of == fold
        others = Combination.settled(kind, vote_over, scores[~judged], groups)
        raw[judged] = others.raw(scores[judged])
    whole = whole.with_joint(raw)
    # The last curve is one for all: which normals lie above a threshold does not depend on it.
    return whole, raw if whole.joint is None else whole.joint.at(raw)


def _mean(parts: Floats) -> Floats:
    """(n_traces,) float64: over the members that have a part; NaN where none has."""
    known = np.isfinite(parts)
    total = np.where(known, parts, 0.0).sum(axis=1)
    with np.errstate(invalid="ignore"):
        mean: Floats = total / known.sum(axis=1)
    return mean
