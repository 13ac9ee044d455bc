"""What is said of how a network was trained."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from habitus.detectors.base import SequenceDetector
    from habitus.detectors.neural.network_detector import NetworkDetector
    from habitus.learning.history import Epoch


def training_rows(detector: SequenceDetector) -> list[tuple[str, str]]:
    """Labels and what stands beside them; none where no network was trained."""
    from habitus.cli.terminal import counted

    trained = _network(detector)
    if trained is None:
        return []
    history = trained.history
    kept, n_epochs = history.kept, len(history.epochs)
    rows = [
        ("network", counted(history.n_parameters, "parameter")),
        ("learned in", f"{counted(n_epochs, 'epoch')}, until {history.stopped.told}"),
        ("kept", f"the weights after epoch {kept.epoch}, {kept.calls:,} calls"),
        ("judged", _judged(trained, kept)),
    ]
    rows += [(name.replace("_", " "), f"{value:.4g}") for name, value in trained.facts().items()]
    return rows


def training_summary(detector: SequenceDetector) -> dict[str, Any] | None:
    """The same for programs; None where no network was trained."""
    trained = _network(detector)
    if trained is None:
        return None
    history = trained.history
    return {
        "n_parameters": history.n_parameters,
        "n_held_out": history.n_held_out,
        "ended": history.stopped.name.lower(),
        "kept_epoch": history.kept.epoch,
        "epochs": [_for_programs(trained, epoch) for epoch in history.epochs],
        "facts": {name: _finite(value) for name, value in trained.facts().items()},
    }


def _network(detector: SequenceDetector) -> NetworkDetector | None:
    from habitus.detectors.neural.network_detector import NetworkDetector

    is_one = isinstance(detector, NetworkDetector) and detector.history.best >= 0
    return detector if isinstance(detector, NetworkDetector) and is_one else None


def _judged(detector: NetworkDetector, kept: Epoch) -> str:
    """How well it does on traces that it has not learned."""
    from habitus.cli.terminal import counted

    n_held_out = detector.history.n_held_out
    told = [f"loss {kept.held_out_loss:.4g}"]
    if detector.unit == "nats":
        told[0] += f" nats a call, perplexity {kept.perplexity:.4g}"
    if math.isfinite(kept.held_out_accuracy):
        told.append(f"{kept.held_out_accuracy * 100:.1f} % of calls right")
    on = f"{counted(n_held_out, 'trace')} held out" if n_held_out else "the traces it learned"
    return f"{', '.join(told)}, on {on}"


def _for_programs(detector: NetworkDetector, epoch: Epoch) -> dict[str, Any]:
    numbers = {name: _finite(value) for name, value in asdict(epoch).items()}
    if detector.unit == "nats":
        numbers["perplexity"] = _finite(epoch.perplexity)
    return numbers


def _finite(value: float) -> float | None:
    """JSON knows no other numbers."""
    return value if math.isfinite(value) else None
