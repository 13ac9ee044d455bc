"""Models whose training takes minutes: kept by what they depend on, and trained again only then."""

from __future__ import annotations

import ast
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import torch
from common import ROOT, WORK

from habitus import Model, load_model, save_model
from habitus.detectors import get_detector
from habitus.learning.session import Session
from habitus.models.training import fit_model, versions
from habitus.traces.traceset import TraceSet

_LEARNS = ("habitus.networks", "habitus.learning", "habitus.detectors.neural")


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
    """A model, from the store if the same was trained before; an unfinished training goes on."""
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
        return load_model(folder)
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


def _code(detector: str) -> str:
    """SHA-256 of the code that its training depends on, whatever comments and docstrings say."""
    digest = hashlib.sha256()
    left, met = [get_detector(detector).__module__], set()
    while left:
        module = left.pop()
        path = ROOT / "src" / Path(*module.split(".")).with_suffix(".py")
        if module in met or not path.exists():
            continue
        met.add(module)
        tree = ast.parse(path.read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
                node.value.value = ""
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(_LEARNS):
                left.append(str(node.module))
        digest.update(f"{module} {ast.dump(tree)}".encode())
    return digest.hexdigest()


# Now, as it is imported: an edit in the midst of a run must not stand for what runs.
_CODE = {name: _code(name) for name in ("autoencoder", "latent", "lstm", "transformer")}
