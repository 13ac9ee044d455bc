"""Compare models by the results that were kept of them, on the units that both could score."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from habitus.errors import InputError
from habitus.evaluation.breakdown import MAX_INTERVALS
from habitus.evaluation.caveats import FEW
from habitus.evaluation.comparing.comparison import (
    AtRate,
    AttackCompared,
    Compared,
    ComparedModel,
    Comparison,
    Comparisons,
)
from habitus.evaluation.comparing.paired import Sample, paired_bootstrap
from habitus.evaluation.comparing.restricted import restricted
from habitus.evaluation.evaluate import FALSE_ALARM_RATES
from habitus.evaluation.judged import numbered
from habitus.evaluation.metrics import roc
from habitus.progress import SILENT, Progress
from habitus.traces.traceset import Label
from habitus.version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from habitus.evaluation.results import Result, Results
    from habitus.evaluation.unit_scores import UnitScores

    Pair = tuple["Kept", "Kept"]


class Kept:
    """One model's result, within the results that it was kept in.

    Args:
        place: where they were read.

    Raises:
        InputError: if the results hold no scores.
    """

    def __init__(self, place: str, results: Results, result: Result) -> None:
        if results.scores is None or result.model not in results.scores.scores:
            raise InputError(
                f"{place or 'results'}: without the scores of {result.model}; read the folder that "
                "`habitus evaluate -o` wrote"
            )
        self.place, self.result, self.version = place, result, results.habitus_version
        self.units: UnitScores = results.scores
        self.scores = self.units.scores[result.model]

    def described(self) -> ComparedModel:
        """What a comparison says of it."""
        kept = {
            name: getattr(self.result, name)
            for name in ("model", "model_digest", "detector", "settings", "decision")
        }
        return ComparedModel(results=self.place, **kept)


def compare_models(
    pairs: Sequence[Pair], *, seed: int = 1, replicates: int = 1000, progress: Progress = SILENT
) -> Comparisons:
    """Compare the two models of each pair, with paired intervals of all differences.

    Args:
        seed, replicates: of the bootstrap.

    Raises:
        InputError: if two results are of other versions, protocols or data.
    """
    for pair in pairs:  # all before the first takes its time
        _refuse_unlike(*pair)
    return Comparisons(
        habitus_version=__version__,
        seed=seed,
        replicates=replicates,
        comparisons=tuple(_compared(a, b, seed, replicates, progress) for a, b in pairs),
    )


def _refuse_unlike(a: Kept, b: Kept) -> None:
    """Refuse what was not measured in the same way on the same units."""
    told = [
        ("version of Habitus", a.version, b.version),
        ("protocol", a.result.protocol, b.result.protocol),
        ("SHA-256 of the data", a.result.data_sha256, b.result.data_sha256),
        ("what is judged", a.result.unit, b.result.unit),
    ]
    unlike = [f"  {what}: {one!r} and {other!r}" for what, one, other in told if one != other]
    if unlike:
        raise InputError(
            f"{a.result.model} and {b.result.model} cannot be compared, because their results "
            "differ in more than the model:",
            *unlike,
            "evaluate both again on the same data, under the same protocol, with this version",
        )
    for what, one, other in (
        ("name", a.units.names, b.units.names),
        ("label", a.units.labels.tolist(), b.units.labels.tolist()),
        ("type of attack", a.units.attacks, b.units.attacks),
        ("cluster", a.units.clusters.tolist(), b.units.clusters.tolist()),
    ):
        if tuple(one) != tuple(other):
            place = next((i for i, (x, y) in enumerate(zip(one, other)) if x != y), None)  # noqa: B905
            found = (
                f"there are {len(one)} and {len(other)} {a.result.unit}s"
                if place is None
                else f"the {what} of {a.result.unit} {place} ({a.units.names[place]!r}) is "
                f"{one[place]!r} and {other[place]!r}"
            )
            raise InputError(
                f"{a.result.model} and {b.result.model} cannot be compared: their data were not "
                f"read alike (--format, --abi?): {found}"
            )


def _compared(a: Kept, b: Kept, seed: int, replicates: int, progress: Progress) -> Comparison:
    units = a.units
    has_a, has_b = np.isfinite(a.scores), np.isfinite(b.scores)
    normal, attack = (
        Sample.of(a.scores, b.scores, units.clusters, has_a & has_b & (units.labels == label))
        for label in (Label.NORMAL, Label.ATTACK)
    )
    if not len(normal.a) or not len(attack.a):
        raise InputError(
            f"{a.result.model} and {b.result.model} cannot be compared: both can score "
            f"{len(normal.a)} normal and {len(attack.a)} attack {a.result.unit}s, and both kinds "
            "are needed"
        )
    kinds = dict(_kinds(a, b, has_a & has_b & (units.labels == Label.ATTACK)))
    n_parts = 1 + (len(kinds) if len(kinds) <= MAX_INTERVALS else 0)
    progress.stage(f"comparing {a.result.model} and {b.result.model}", n_parts * replicates)

    def measured(attacks: Sample, *, replicates: int) -> tuple[Compared, dict[str, AtRate]]:
        return _measured(normal, attacks, seed, replicates, progress)

    auc, at_rates = measured(attack, replicates=replicates)
    per_attack = {}
    for kind, sample in kinds.items():
        its_auc, its_rates = measured(sample, replicates=replicates if n_parts > 1 else 0)
        per_attack[kind] = AttackCompared(
            n=len(sample.a),
            n_clusters=sample.n_clusters,
            auc=its_auc,
            dr_at_fpr={rate: found.detection for rate, found in its_rates.items()},
        )
    result = a.result
    n_only = int(np.sum(has_a & ~has_b)), int(np.sum(has_b & ~has_a))
    return Comparison(
        a=a.described(),
        b=b.described(),
        protocol=result.protocol,
        caution=result.caution,
        unit=result.unit,
        data=result.data,
        data_sha256=result.data_sha256,
        n_normal=len(normal.a),
        n_attack=len(attack.a),
        n_normal_clusters=normal.n_clusters,
        n_attack_clusters=attack.n_clusters,
        n_only_a=n_only[0],
        n_only_b=n_only[1],
        auc=auc,
        dr_at_fpr=at_rates,
        per_attack=per_attack,
        notes=tuple(_notes(a, b, n_only, normal, attack, kinds)),
        results=(
            restricted(a.result, normal.a, attack.a),
            restricted(b.result, normal.b, attack.b),
        ),
    )


def _kinds(a: Kept, b: Kept, chosen: NDArray[np.bool_]) -> Iterator[tuple[str, Sample]]:
    """The attacks of each type, by its name."""
    kinds, kind_of = numbered([kind or "unnamed" for kind in a.units.attacks])
    for number in np.unique(kind_of[chosen]).tolist():
        its = chosen & (kind_of == number)
        yield kinds[number], Sample.of(a.scores, b.scores, a.units.clusters, its)


def _measured(
    normal: Sample, attack: Sample, seed: int, replicates: int, progress: Progress
) -> tuple[Compared, dict[str, AtRate]]:
    """The area and the detection rates; without replicates, without intervals."""
    curves = roc(normal.a, attack.a), roc(normal.b, attack.b)
    intervals = None
    if replicates:
        intervals = paired_bootstrap(
            normal, attack, FALSE_ALARM_RATES, seed=seed, replicates=replicates, progress=progress
        )
    at_rates = {}
    for rate in FALSE_ALARM_RATES:
        (dr_a, fpr_a), (dr_b, fpr_b) = (curve.detection_at(rate) for curve in curves)
        at_rates[f"{rate:g}"] = AtRate(
            detection=Compared.of(
                dr_a, dr_b, None if intervals is None else intervals.detection[rate]
            ),
            achieved_fpr_a=fpr_a,
            achieved_fpr_b=fpr_b,
        )
    areas = curves[0].auc, curves[1].auc
    return Compared.of(*areas, None if intervals is None else intervals.auc), at_rates


def _notes(
    a: Kept,
    b: Kept,
    n_only: tuple[int, int],
    normal: Sample,
    attack: Sample,
    kinds: dict[str, Sample],
) -> Iterator[str]:
    if any(n_only):
        units = a.result.unit + ("" if sum(n_only) == 1 else "s")
        yield (
            f"left out, because one of the two has no score for them: {sum(n_only):,} {units} "
            f"({n_only[0]:,} that only A can score, {n_only[1]:,} that only B can)"
        )
    for name, kept in (("A", a), ("B", b)):
        if not kept.result.trained_on_this:
            yield f"{name} ({kept.result.model}) was trained on other data"
    if min(normal.n_clusters, attack.n_clusters) < 2:
        yield (
            f"{normal.n_clusters} normal and {attack.n_clusters} attack independent observations: "
            "no interval can be drawn from one"
        )
    elif min(normal.n_clusters, attack.n_clusters) < FEW:
        yield (
            f"{normal.n_clusters} normal and {attack.n_clusters} attack independent observations "
            "(equal sequences or one recording are one) are few: the intervals are too narrow"
        )
    n_few = sum(kind.n_clusters < FEW for kind in kinds.values())
    if len(kinds) > MAX_INTERVALS:
        yield f"{len(kinds)} types of attack are too many for an interval of each"
    elif n_few and len(kinds) > 1:
        yield (
            f"{n_few} of {len(kinds)} types of attack have fewer than {FEW} independent attacks: "
            "their intervals are too narrow"
        )
    finest = 1 / len(normal.a)
    unseen = [f"{rate * 100:g} %" for rate in FALSE_ALARM_RATES if rate < finest]
    if unseen:
        yield (
            f"of {len(normal.a)} normal {a.result.unit}s a single false alarm is {finest:.1%}: at "
            f"{' and '.join(unseen)} none is allowed"
        )
