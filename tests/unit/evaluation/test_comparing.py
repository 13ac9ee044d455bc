"""Two models compared by their kept results: the numbers, the pairs, and what is refused."""

from __future__ import annotations

import copy
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import numpy as np
import pytest
from adfa_tree import adfa_tree
from sklearn.metrics import roc_auc_score

import habitus
from habitus.cli.compare import _print as show_comparison
from habitus.errors import HabitusError, InputError, UsageError
from habitus.evaluation.breakdown import MAX_INTERVALS
from habitus.evaluation.metrics import roc
from habitus.evaluation.score_file import scores_digest
from habitus.evaluation.unit_scores import UnitScores

if TYPE_CHECKING:
    from habitus.evaluation.comparing.comparison import Comparison, Comparisons
    from habitus.evaluation.results import Results

SCHEMAS = Path(habitus.__file__).parent / "schemas"
SCHEMA = json.loads((SCHEMAS / "compare.schema.json").read_text())
NAN = np.nan


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HABITUS_HOME", str(tmp_path / "home"))


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """A real evaluation of two models; STIDE cannot score the shortest attack."""
    tree = str(adfa_tree(tmp_path_factory.mktemp("data")))
    models = {
        "models/ngram": habitus.train("ngram", tree, settings={"order": 3}, false_alarms=0.2),
        "models/stide": habitus.train("stide", tree, settings={"n": 9}, false_alarms=0.2),
    }
    return habitus.evaluate(models, tree)


@pytest.fixture
def folder(evaluated: Results, tmp_path: Path) -> Path:
    evaluated.write(tmp_path / "results")
    return tmp_path / "results"


def made(evaluated: Results, units: UnitScores, **changes: Any) -> Results:
    """Results of made-up scores."""
    results = []
    for model, scores in units.scores.items():
        sides = [scores[(units.labels == label) & np.isfinite(scores)] for label in (0, 1)]
        its = {"n_normal": len(sides[0]), "n_attack": len(sides[1]), "auc": roc(*sides).auc}
        results.append(evaluated.results[0].model_copy(update={"model": model, **its, **changes}))
    return evaluated.model_copy(
        update={"results": tuple(results), "scores": units, "scores_sha256": scores_digest(units)}
    )


def units_of(**scores: list[float]) -> UnitScores:
    """Four normals and four attacks of two kinds, each its own cluster."""
    return UnitScores(
        names=tuple("abcdefgh"),
        labels=np.array([0] * 4 + [1] * 4, dtype=np.int8),
        attacks=("", "", "", "", "shell", "shell", "miner", "miner"),
        clusters=np.arange(8),
        scores={model: np.array(given) for model, given in scores.items()},
    )


def only(compared: Comparisons) -> Comparison:
    (comparison,) = compared.comparisons
    return comparison


def valid(compared: Comparisons) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(compared.to_json())
    jsonschema.Draft202012Validator(SCHEMA).validate(read)
    return read


def test_the_numbers_by_hand(evaluated: Results) -> None:
    a = made(evaluated, units_of(a=[0, 1, 2, 3, 3, 4, 1, 5]))
    b = made(evaluated, units_of(b=[0, 1, 2, 3, 5, 6, 7, 8]))
    found = only(habitus.compare(a, b))
    # Of A's 16 pairs: 3 wins three and ties one, 4 wins four, 1 wins one and ties one, 5 four.
    assert found.auc.a == (3.5 + 4 + 1.5 + 4) / 16
    assert (found.auc.b, found.auc.difference) == (1, 3 / 16)
    # No normal may be over the threshold: A finds 4 and 5, B all four.
    for at in found.dr_at_fpr.values():
        assert (at.detection.a, at.detection.b, at.achieved_fpr_a, at.achieved_fpr_b) == (
            0.5, 1, 0, 0,
        )  # fmt: skip
    assert list(found.dr_at_fpr) == ["0.001", "0.01", "0.05"]
    assert list(found.per_attack) == ["miner", "shell"]
    assert found.per_attack["miner"].auc.a == (1.5 + 4) / 8
    assert found.per_attack["shell"].auc.difference == 1 - (3.5 + 4) / 8
    assert found.per_attack["shell"].dr_at_fpr["0.01"].difference == 0.5
    assert (found.n_normal_clusters, found.n_attack_clusters) == (4, 4)
    told = "; ".join(found.notes)
    assert "4 normal and 4 attack independent observations" in told
    assert "2 of 2 types of attack have fewer than 10 independent attacks" in told
    assert "a single false alarm is 25.0%: at 0.1 % and 1 % and 5 % none is allowed" in told


def test_a_type_called_unnamed_drowns_none_without_a_name(evaluated: Results) -> None:
    units = units_of(m=[0, 1, 2, 3, 4, 5, 6, 7])
    units = UnitScores(**{**vars(units), "attacks": ("",) * 6 + ("unnamed",) * 2})
    found = only(habitus.compare(made(evaluated, units), made(evaluated, units)))
    assert {kind: of.n for kind, of in found.per_attack.items()} == {"unnamed": 4}


def test_types_that_are_shown_alike_are_all_shown(
    evaluated: Results, capsys: pytest.CaptureFixture[str]
) -> None:
    units = units_of(m=[0, 1, 2, 3, 4, 5, 6, 7])
    units = UnitScores(**{**vars(units), "attacks": ("",) * 4 + ("a\x07",) * 2 + ("a\\x07",) * 2})
    show_comparison(only(habitus.compare(made(evaluated, units), made(evaluated, units))))
    by_area, _ = capsys.readouterr().out.split("AUC by attack")[1].split("found at")
    assert by_area.count("a\\x07 (2)") == 2


def test_a_thing_differs_from_itself_by_exactly_nothing(evaluated: Results, folder: Path) -> None:
    for compared in (
        habitus.compare(folder, folder),
        habitus.compare(evaluated, folder / "results.json"),
    ):
        assert len(compared.comparisons) == 2
        for found in compared.comparisons:
            parts = [found.auc, *(at.detection for at in found.dr_at_fpr.values())]
            for attack in found.per_attack.values():
                parts += [attack.auc, *attack.dr_at_fpr.values()]
            for part in parts:
                assert (part.difference, part.ci95, part.verdict) == (0, (0, 0), "undecided")
        assert valid(compared)


def test_what_only_one_can_score_is_left_out_of_both(evaluated: Results, folder: Path) -> None:
    found = only(habitus.compare(f"{folder}:ngram", f"{folder}:stide"))
    ngram, stide = evaluated.results
    assert (found.n_normal, found.n_attack) == (stide.n_normal, stide.n_attack)
    assert (found.n_only_a, found.n_only_b) == (1, 0)
    assert found.auc.b == stide.auc
    assert ngram.n_attack == stide.n_attack + 1
    units = evaluated.scores
    assert units is not None
    common = np.isfinite(units.scores["models/stide"])
    area = roc_auc_score(units.labels[common], units.scores["models/ngram"][common])
    assert found.auc.a == pytest.approx(area)
    assert "one of the two has no score for them: 1 trace (1 that only A can" in found.notes[0]


def test_what_is_left_out_changes_the_numbers_of_both(evaluated: Results) -> None:
    a = made(evaluated, units_of(a=[0, 1, 2, NAN, 3, 4, 1, 5]))
    b = made(evaluated, units_of(b=[0, 1, 2, 3, 5, 6, NAN, 8]))
    found = only(habitus.compare(a, b))
    assert (found.n_normal, found.n_attack, found.n_only_a, found.n_only_b) == (3, 3, 1, 1)
    assert (found.auc.a, found.auc.b) == (1, 1)
    assert a.results[0].auc < 1
    for result, model in zip(found.results, (a, b), strict=True):
        assert (result.n_normal, result.n_attack, result.auc) == (3, 3, 1)
        assert result.roc.tpr[-1] == result.roc.fpr[-1] == 1
        assert result.auc_ci95 is result.roc.band is None
        assert result.dr_at_fpr["0.01"].dr == found.dr_at_fpr["0.01"].detection.b == 1
        assert sum(result.histogram.normal) == 3
        assert result.dr_at_fpr.keys() == model.results[0].dr_at_fpr.keys()


def test_a_verdict_is_what_the_interval_says(evaluated: Results) -> None:
    random = np.random.default_rng(1)
    labels = np.repeat([0, 1], 60).astype(np.int8)
    noise = random.normal(0, 1, 120)
    units = UnitScores(
        names=tuple(map(str, range(120))),
        labels=labels,
        attacks=("",) * 120,
        clusters=np.arange(120),
        scores={
            "good": labels * 2 + noise,
            "bad": labels * 0.5 + noise,
            "other": labels * 2 - noise,
        },
    )
    results = {
        model: made(evaluated, UnitScores(**{**vars(units), "scores": {model: scores}}))
        for model, scores in units.scores.items()
    }
    assert only(habitus.compare(results["bad"], results["good"])).auc.verdict == "b better"
    assert only(habitus.compare(results["good"], results["bad"])).auc.verdict == "a better"
    assert only(habitus.compare(results["good"], results["other"])).auc.verdict == "undecided"


def test_one_cluster_has_no_interval(evaluated: Results) -> None:
    units = units_of(a=[0, 1, 2, 3, 3, 4, 1, 5], b=[0, 1, 2, 3, 5, 6, 7, 8])
    one = UnitScores(**{**vars(units), "clusters": np.array([0, 1, 2, 3, 4, 4, 4, 4])})
    found = habitus.compare(made(evaluated, one), made(evaluated, one)).comparisons[0]
    assert (found.auc.ci95, found.auc.verdict) == (None, "no interval")
    assert any("no interval can be drawn from one" in note for note in found.notes)


def test_very_many_types_of_attack_have_no_intervals(evaluated: Results) -> None:
    n = 2 * (MAX_INTERVALS + 1)
    units = UnitScores(
        names=tuple(map(str, range(n + 2))),
        labels=np.array([0, 0] + [1] * n, dtype=np.int8),
        attacks=("", "", *(f"kind {i // 2}" for i in range(n))),
        clusters=np.arange(n + 2),
        scores={"m": np.arange(n + 2.0)},
    )
    found = only(habitus.compare(made(evaluated, units), made(evaluated, units)))
    assert found.auc.ci95 == (0, 0)
    assert len(found.per_attack) == MAX_INTERVALS + 1
    assert {attack.auc.verdict for attack in found.per_attack.values()} == {"no interval"}
    assert any("too many for an interval of each" in note for note in found.notes)


def test_the_seed_makes_the_intervals(evaluated: Results) -> None:
    results = made(evaluated, units_of(a=[0, 1, 2, 3, 3, 4, 1, 5], b=[0, 1, 2, 3, 5, 0, 7, 8]))
    pair = [results.model_copy(update={"results": (results.results[k],)}) for k in range(2)]
    first, again, other = (
        habitus.compare(*pair, seed=seed, replicates=40).to_json() for seed in (1, 1, 2)
    )
    assert first == again
    assert json.loads(first)["comparisons"] != json.loads(other)["comparisons"]
    with pytest.raises(UsageError, match="replicates: 2 or more are wanted, not 1"):
        habitus.compare(*pair, replicates=1)


# Which models


def test_models_are_named_or_have_the_same_name(folder: Path, tmp_path: Path) -> None:
    def names(a: object, b: object) -> list[tuple[str, str]]:
        return [(c.a.model, c.b.model) for c in habitus.compare(a, b, replicates=2).comparisons]

    ngram, stide = "models/ngram", "models/stide"
    assert names(folder, folder) == [(ngram, ngram), (stide, stide)]
    assert names(f"{folder}:stide", f"{folder}:models/ngram") == [(stide, ngram)]
    assert names(f"{folder}:stide", folder) == [(stide, stide)]
    assert names(f"{folder}/results.json:stide", f"{folder}/:stide") == [(stide, stide)]
    colons = tmp_path / "a:b"
    shutil.copytree(folder, colons)
    assert names(colons, f"{colons}:ngram") == [(ngram, ngram)]


def test_unknown_names_are_told_with_those_there_are(evaluated: Results, folder: Path) -> None:
    there_are = "there are: 'models/ngram', 'models/stide'"
    with pytest.raises(UsageError, match=rf"no model is called 'hmm'; {there_are}"):
        habitus.compare(f"{folder}:hmm", folder)
    with pytest.raises(
        InputError, match=r"nowhere:x/results\.json|nowhere:x: there is no such file"
    ):
        habitus.compare("nowhere:x", folder)
    other = made(evaluated, units_of(x=[0, 1, 2, 3, 4, 5, 6, 7], y=[0, 1, 2, 3, 4, 5, 6, 7]))
    with pytest.raises(UsageError) as raised:
        habitus.compare(folder, other)
    assert str(raised.value).splitlines()[1:] == [
        "  A has 'models/ngram', 'models/stide'", "  B has 'x', 'y'",
    ]  # fmt: skip


# What cannot be compared


def test_what_differs_in_more_than_the_model_is_refused(evaluated: Results) -> None:
    units = units_of(m=[0, 1, 2, 3, 4, 5, 6, 7])
    a = made(evaluated, units)
    for changes, said in (
        ({"protocol": "adfa-ld/dev"}, "  protocol: 'adfa-ld' and 'adfa-ld/dev'"),
        ({"data_sha256": "0" * 64}, "  SHA-256 of the data: '"),
        ({"unit": "recording"}, "  what is judged: 'trace' and 'recording'"),
    ):
        with pytest.raises(InputError) as raised:
            habitus.compare(a, made(evaluated, units, **changes))
        assert said in str(raised.value)
        assert len(str(raised.value).splitlines()) == 3
    with pytest.raises(InputError, match=r"version of Habitus: '.*' and '0\.0\.1'"):
        habitus.compare(a, a.model_copy(update={"habitus_version": "0.0.1"}))


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("names", tuple("abcdefgx"), "the name of trace 7 .'h'. is 'h' and 'x'"),
        ("labels", np.array([0] * 5 + [1] * 3, np.int8), "the label of trace 4 .'e'. is 1 and 0"),
        ("attacks", ("",) * 4 + ("shell",) * 4, "the type of attack of trace 6 .'g'. is 'miner'"),
        ("clusters", np.array([0, 0, 2, 3, 4, 5, 6, 7]), "the cluster of trace 1 .'b'. is 1 and 0"),
    ],
)
def test_units_that_are_not_the_same_are_refused(
    evaluated: Results, column: str, value: Any, said: str
) -> None:
    units = units_of(m=[0, 1, 2, 3, 4, 5, 6, 7])
    other = UnitScores(**{**vars(units), column: value})
    with pytest.raises(InputError, match=f"were not read alike.*{said}"):
        habitus.compare(made(evaluated, units), made(evaluated, other))


def test_fewer_units_are_refused(evaluated: Results) -> None:
    units = units_of(m=[0, 1, 2, 3, 4, 5, 6, 7])
    fewer = UnitScores(
        units.names[:7], units.labels[:7], units.attacks[:7], units.clusters[:7],
        {"m": units.scores["m"][:7]},
    )  # fmt: skip
    with pytest.raises(InputError, match="there are 8 and 7 traces"):
        habitus.compare(made(evaluated, units), made(evaluated, fewer))


def test_nothing_in_common_is_refused(evaluated: Results) -> None:
    a = made(evaluated, units_of(m=[0, 1, NAN, NAN, 1, 1, NAN, NAN]))
    b = made(evaluated, units_of(m=[NAN, NAN, 0, 1, 1, 1, 1, 1]))
    with pytest.raises(InputError, match="both can score 0 normal and 2 attack traces"):
        habitus.compare(a, b)


# Files that do not belong together


def changed(folder: Path, **changes: Any) -> None:
    path = folder / "results.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def refused(folder: Path, said: str) -> None:
    with pytest.raises(HabitusError, match=said) as raised:
        habitus.compare(folder, folder)
    assert str(folder) in str(raised.value)


def test_damaged_folders_are_refused(folder: Path) -> None:
    scores = folder / "scores.arrow"
    content = scores.read_bytes()
    scores.write_bytes(content[:-1] + b"\x01")
    refused(folder, r"scores\.arrow: is not the file that results\.json beside it was written with")
    scores.unlink()
    refused(folder, r"scores\.arrow: there is no such file")
    scores.mkdir()
    refused(folder, r"scores\.arrow: not a regular file|scores\.arrow: cannot be read")


def test_scores_too_large_are_not_read(folder: Path) -> None:
    with (folder / "scores.arrow").open("r+b") as file:
        file.truncate(1 << 40)  # holes, which take no place on the disk
    refused(folder, r"scores\.arrow: larger than any scores\.arrow of ours \(1,099,511,627,776 b")
    with (folder / "results.json").open("r+b") as file:
        file.truncate(1 << 40)
    refused(folder, r"results\.json: larger than any")


def test_results_and_scores_of_other_numbers_are_refused(evaluated: Results, folder: Path) -> None:
    results = json.loads(evaluated.to_json())["results"]
    changed(folder, results=[{**results[0], "auc": 0.99}, results[1]])
    refused(folder, "has the AUC 0.990000, and its scores in scores.arrow give")
    changed(folder, results=[{**results[0], "n_normal": 3}, results[1]])
    refused(folder, "tells of 3 normal and 20 attack|tells of 3 normal and 40 attack")
    cut = copy.deepcopy(results[0]["baselines"])
    del cut[0]["roc"]["thresholds"][0]
    for damaged in ({"baselines": []}, {"baselines": cut}, {"dr_at_fpr": {}}):
        changed(folder, results=[{**results[0], **damaged}, results[1]])
        refused(folder, "the result of models/ngram lacks baselines, or rates")
    changed(folder, results=results[:1])
    refused(folder, "its columns are .*'score models/stide'")
    changed(folder, results=[results[0], results[0]])
    refused(folder, "two results of one model's name")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "no results of this version of Habitus"),
        ("[" * 100_000, "no results of this version of Habitus"),
        ("null", "no results of this version of Habitus"),
        ('{"habitus_version": "9.8", "schema_version": 7}', r"they are of 9\.8; "),
        ('{"habitus_version": ["9.8"]}', "no results of this version of Habitus"),
        ("\x00\xff", "no results of this version of Habitus"),
    ],
)
def test_what_is_no_results_is_refused(folder: Path, content: str, said: str) -> None:
    (folder / "results.json").write_bytes(content.encode("latin-1"))
    refused(folder, said)


def test_results_without_scores_are_refused(evaluated: Results, folder: Path) -> None:
    changed(folder, scores_sha256=None)
    refused(folder, "was kept without the scores of single units")
    with pytest.raises(InputError, match=r"^results: without the scores of models/ngram"):
        habitus.compare(evaluated.model_copy(update={"scores": None}), folder)
    changed(folder, scores={})
    refused(folder, "no results of this version")


def test_the_schema_refuses_what_is_no_comparison(evaluated: Results) -> None:
    read = valid(habitus.compare(evaluated, evaluated, replicates=2))
    validator = jsonschema.Draft202012Validator(SCHEMA)
    for name in read:
        assert not validator.is_valid({k: v for k, v in read.items() if k != name}), name
    comparison = read["comparisons"][0]
    for name in comparison:
        cut = {k: v for k, v in comparison.items() if k != name}
        assert not validator.is_valid({**read, "comparisons": [cut]}), name
    for wrong in ({"extra": 1}, {"unit": "thread"}, {"auc": None}, {"n_only_a": -1}):
        assert not validator.is_valid({**read, "comparisons": [{**comparison, **wrong}]}), wrong
