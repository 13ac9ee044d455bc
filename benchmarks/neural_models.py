"""Models whose training takes minutes: kept by what they depend on, and trained again only then."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch
from common import WORK
from kept import LEARNS, code_of

from habitus import Budget, Model, save_model
from habitus.decisions.decision import decide
from habitus.decisions.scores import rules_of
from habitus.detectors import get_detector
from habitus.learning.session import Session
from habitus.models.calibrating import DEFAULT_HELD_OUT, held_out_population
from habitus.models.files import load_trace_model
from habitus.models.training import DEFAULT_FALSE_ALARMS, fit_model, versions
from habitus.traces.holding_out import held_out_part
from habitus.traces.traceset import TraceSet
from habitus.traces.vocabulary import Vocabulary


def trained(
    name: str,
    detector: str,
    settings: Mapping[str, object],
    normal: TraceSet,
    *,
    seed: int,
    data: str,
    part: str,
    data_sha256: str = "",
) -> Model:
    """A model, from the store if the same was trained before; an unfinished training goes on.

    Its key holds the code that weights depend on. What else a model depends on is not taken from
    the store: thresholds are set anew, and a model that learned other traces than `fit_model` would
    choose now is trained again.
    """
    torch.set_num_threads(1)  # else numbers would depend on how many processors there are
    made = get_detector(detector).with_settings(settings)
    identity = json.dumps(
        [
            detector, made.settings.model_dump(mode="json"), seed, data, part,
            hashlib.sha256(normal.sequence_digests().tobytes()).hexdigest(), _CODE[detector],
            versions(),
        ]
    )  # fmt: skip
    key = hashlib.sha256(identity.encode()).hexdigest()[:12]
    folder = WORK / "neural" / f"{name.replace(' ', '-').replace('=', '-')}-{seed}-{key}"
    if folder.exists():
        model = load_trace_model(folder)
        if _of_the_same(model, normal):
            return _calibrated(model, normal, data_sha256)
        print(f"{name}, seed {seed}: other traces were learned, and it is trained again")
        shutil.rmtree(folder)
    unfinished = folder.with_name(f"{folder.name}.unfinished")
    print(f"training {name}, seed {seed}", flush=True)
    session = Session(checkpoints=unfinished, resume=unfinished.exists())
    model = fit_model(
        detector,
        normal,
        settings=settings,
        seed=seed,
        session=session,
        data=data,
        data_sha256=data_sha256,
        part=part,
    )
    model = save_model(model, folder)
    session.clear()
    kept = model.detector.history.kept  # type: ignore[attr-defined]
    print(
        f"  {model.provenance.train_seconds:.0f} s, epoch {kept.epoch}, held-out loss "
        f"{kept.held_out_loss:.3f}",
        flush=True,
    )
    return model


def _of_the_same(model: Model, normal: TraceSet) -> bool:
    """Whether it learned what would be learned now: what is put aside is not in its key."""
    learned = normal.select(~held_out_part(normal, DEFAULT_HELD_OUT, model.provenance.seed))
    return (
        model.detector.vocabulary == Vocabulary.of(learned)
        and model.provenance.n_traces == learned.n_traces
        and np.array_equal(model.memory.digests, np.unique(learned.sequence_digests()))
    )


def _calibrated(model: Model, normal: TraceSet, data_sha256: str) -> Model:
    """With thresholds set anew, which takes a second: they are of the code as it is now."""
    seed, detector = model.provenance.seed, model.detector
    aside = held_out_part(normal, DEFAULT_HELD_OUT, seed)
    budget = Budget.parse(DEFAULT_FALSE_ALARMS)
    population = held_out_population(
        detector, normal.select(~aside), normal.select(aside), rules_of(detector, None, ()),
        budget.merge_seconds, data_sha256=data_sha256,
    )  # fmt: skip
    decision = decide(population, 0, budget, seed=seed, margin=detector.stream_error)
    return replace(model, decisions=(decision,), population=population, digest="")


# Now, as it is imported: an edit in the midst of a run must not stand for what runs.
_CODE = {
    name: code_of(get_detector(name).__module__, within=LEARNS)
    for name in ("autoencoder", "latent", "lstm", "transformer")
}
