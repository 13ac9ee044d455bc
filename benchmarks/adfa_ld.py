"""How well the classical detectors do on ADFA-LD, beside the trivial baselines."""

from __future__ import annotations

from common import table, test_data, write_page

from habitus import fit_model
from habitus.datasets.source import find_source
from habitus.evaluation.evaluate import evaluate_models
from habitus.evaluation.protocols import get_protocol, training_part
from habitus.evaluation.results import Result

# Orders and window lengths that the literature and our reference report; none was chosen here.
MODELS: dict[str, tuple[str, dict[str, int]]] = {
    f"stide n={n}": ("stide", {"n": n}) for n in (3, 5, 6, 8, 10)
} | {f"ngram order={order}": ("ngram", {"order": order}) for order in (2, 3, 5, 8, 12)}
PROTOCOLS = ("adfa-ld", "adfa-ld/distinct", "adfa-ld/dev")
HEAD = (
    "detector", "AUC", "95 % interval", "found at 0.1 % false alarms", "at 1 %", "at 5 %",
    "false alarms at 90 % found", "at its own threshold: found (false alarms)",
)  # fmt: skip


def row(name: str, result: Result) -> tuple[str, ...]:
    """One line of a table."""
    interval = result.auc_ci95
    at = result.at_threshold
    return (
        name,
        f"{result.auc:.4f}",
        "" if interval is None else f"{interval[0]:.3f}-{interval[1]:.3f}",
        *(f"{found.dr:.1%} ({found.achieved_fpr:.2%})" for found in result.dr_at_fpr.values()),
        f"{result.fpr_at_dr90:.1%}",
        "" if at is None else f"{at.dr:.1%} ({at.fpr:.1%})",
    )


def main() -> None:
    """Evaluate, and write the page."""
    source = find_source(str(test_data() / "adfa-ld" / "ADFA-LD.zip"))
    traces = source.read()
    normal, part = training_part(traces, get_protocol("adfa-ld"))
    models = {
        name: fit_model(
            detector,
            normal,
            settings=settings,
            data="adfa-ld",
            data_sha256=source.sha256,
            part=part,
        )
        for name, (detector, settings) in MODELS.items()
    }
    lines = [
        "# ADFA-LD",
        "",
        "Trained on the 833 training traces; score of a trace: the mean surprise of its calls; "
        "thresholds for 1 % false alarms by cross-fitting on the training traces. No attack chose "
        "anything. Intervals by cluster bootstrap (attacks by folder, normals by distinct "
        "sequence), seed 1. What the protocols are, and how to read these numbers: "
        "[ADFA-LD, honestly](../explanation/adfa-ld.md).",
    ]
    for name in PROTOCOLS:
        protocol = get_protocol(name)
        evaluated = evaluate_models(models, traces, source, protocol)
        rows = [row(r.model, r) for r in evaluated.results]
        first = evaluated.results[0]
        rows += [
            (f"*trivial: {b.stranger} {b.name}*", f"{b.auc:.4f}", *[""] * 6)
            for b in first.baselines
        ]
        lines += [
            "",
            f"## `{name}`",
            "",
            f"{protocol.title}. {first.n_normal:,} normal traces ({first.n_distinct_normals:,} "
            f"distinct, {first.n_known_normals} equal to a training trace, "
            f"{first.n_with_novel_normal} with a call unseen in training), {first.n_attack} "
            f"attacks ({first.n_with_novel_attack} with one). Remember: {protocol.caution}.",
            "",
            *table(HEAD, rows),
        ]
    quantile = evaluate_models(
        {"ngram order=12": models["ngram order=12"]},
        traces,
        source,
        get_protocol("adfa-ld"),
        aggregation="quantile:0.7",
    ).results[0]
    lines += [
        "",
        "## A check of the arithmetic",
        "",
        f"The 70 % quantile of the order-12 model's surprise reads AUC {quantile.auc:.4f} on "
        "`adfa-ld`. That quantile was found by looking at the test set, so this is no result.",
    ]
    write_page("adfa_ld", lines, "adfa_ld.py")


if __name__ == "__main__":
    main()
