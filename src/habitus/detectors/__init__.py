"""The detectors. To add one: a file here, a line in `_DETECTORS`, a page in the docs.

A detector of one's own needs none of that. `register_detector` makes a class known to a program; a
package that declares it as an entry point of the group ``habitus.detectors`` makes it known to the
command line, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from habitus.registry import Registry

if TYPE_CHECKING:
    from habitus.detectors.base import SequenceDetector

    _D = TypeVar("_D", bound=type[SequenceDetector])

_DETECTORS: Registry[type[SequenceDetector]] = Registry(
    "detector",
    {
        "adaptive": "habitus.detectors.adaptive:Adaptive",
        "autoencoder": "habitus.detectors.neural.autoencoder:Autoencoder",
        "disorder": "habitus.detectors.disorder:Disorder",
        "ensemble": "habitus.ensembles.ensemble:Ensemble",
        "hmm": "habitus.detectors.hmm:Hmm",
        "latent": "habitus.detectors.neural.latent:Latent",
        "lstm": "habitus.detectors.neural.lstm:Lstm",
        "markov": "habitus.detectors.markov:Markov",
        "neighbours": "habitus.detectors.neighbours:Neighbours",
        "ngram": "habitus.detectors.ngram:NGram",
        "outlier": "habitus.detectors.outlier:Outlier",
        "redundancy": "habitus.detectors.redundancy:Redundancy",
        "stide": "habitus.detectors.stide:Stide",
        "transformer": "habitus.detectors.neural.transformer:Transformer",
        "tstide": "habitus.detectors.tstide:TStide",
    },
    "habitus.detectors",
)


def register_detector(detector: _D) -> _D:
    """Make a detector class known under its ``name``; usable as a decorator.

    Raises:
        UsageError: if the name is taken by another class.
    """
    _DETECTORS.register(detector.name, detector)
    return detector


def detector_names() -> tuple[str, ...]:
    """The names of all detectors, sorted."""
    return _DETECTORS.names()


def get_detector(name: str) -> type[SequenceDetector]:
    """The detector class of this name.

    Raises:
        UsageError: if there is none; the message lists those there are.
    """
    return _DETECTORS.get(name)
