"""What a search asks of its detector, checked before the first trial."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from habitus.detectors import get_detector
from habitus.detectors.neural.network_detector import NetworkDetector
from habitus.detectors.whole import TraceDetector
from habitus.errors import UsageError
from habitus.search.objectives import FOLD_AUC, OBJECTIVES, is_likelihood
from habitus.search.space import Range

if TYPE_CHECKING:
    from habitus.search.plan import SearchPlan

_FLOWS = "habitus.detectors.flow"


def objective_of(plan: SearchPlan, *, supervised: bool) -> str:
    """The objective of a search; ``auto`` is decided here.

    Args:
        supervised: the user allows labelled attacks to choose.

    Raises:
        UsageError: if the file does not fit its detector, or the objective was not allowed.
    """
    try:
        is_flows = is_flow_detector(plan.file.detector)
        detector = _class_of(plan.file.detector, is_flows=is_flows)
    except UsageError as error:
        raise plan.error(("detector",), str(error)) from None
    _check_settings(plan, detector)
    objective = _objective(plan, detector, is_flows=is_flows, supervised=supervised)
    if plan.file.pruning is not None:
        if is_flows or not issubclass(detector, NetworkDetector):
            raise plan.error(("pruning",), f"{plan.file.detector} trains no epochs to prune by")
        if issubclass(detector, TraceDetector):
            raise plan.error(
                ("pruning",), f"{plan.file.detector} has no score before its training has ended"
            )
    return objective


def check_beside(objective: str, *, supervised: bool) -> None:
    """Refuse to look at attacks beside what goes by them, or by the labels of flows.

    Raises:
        UsageError: if it does.
    """
    if objective == FOLD_AUC:
        raise UsageError(
            "--beside-attacks: detectors of flows are ranked by labels, and have no attacks beside"
        )
    if supervised:
        raise UsageError(
            "--beside-attacks looks at attacks that rank nothing, and --supervised lets them rank: "
            "leave one of them out (--supervised reports on the half that it did not choose by)"
        )


def is_flow_detector(name: str) -> bool:
    """Whether a detector of flows has this name."""
    if find_spec(_FLOWS) is None:
        return False
    from importlib import import_module

    return name in import_module(_FLOWS).flow_detector_names()


def _class_of(name: str, *, is_flows: bool) -> Any:
    if not is_flows:
        return get_detector(name)
    from importlib import import_module

    return import_module(_FLOWS).get_flow_detector(name)


def _check_settings(plan: SearchPlan, detector: Any) -> None:
    """Every value by itself; what settings are together is for each trial to find out."""
    fixed = {k: v for k, v in plan.file.settings.items() if k != "preset"}
    preset = plan.file.settings.get("preset")
    if preset is not None and preset not in detector.presets:
        known = ", ".join(detector.presets) or "none"
        raise plan.error(("settings", "preset"), f"no preset is {preset!r}; there are: {known}")
    for name, value in fixed.items():
        _check_value(plan, detector, ("settings", name), value)
    for name, parameter in plan.space.parameters.items():
        ends = (parameter.low, parameter.high) if isinstance(parameter, Range) else ()
        for value in ends or parameter.values():
            _check_value(plan, detector, ("space", name), value)


def _check_value(plan: SearchPlan, detector: Any, keys: tuple[str, str], value: object) -> None:
    name = keys[1]
    if name not in detector.Settings.model_fields:
        known = ", ".join(detector.Settings.model_fields) or "none"
        raise plan.error(keys, f"{detector.name} has no setting {name!r}; there are: {known}")
    try:
        detector.Settings.model_validate({name: value})
    except ValidationError as error:
        for found in error.errors():
            if found["loc"][:1] == (name,):
                raise plan.error(keys, f"{value!r}: {str(found['msg']).lower()}") from None


def _objective(plan: SearchPlan, detector: Any, *, is_flows: bool, supervised: bool) -> str:
    named = plan.file.objective
    if is_flows:
        if named not in {"auto", FOLD_AUC}:
            raise plan.error(("objective",), f"detectors of flows are judged by {FOLD_AUC}")
        return FOLD_AUC
    if named == FOLD_AUC:
        raise plan.error(("objective",), f"{FOLD_AUC} is of detectors of flows")
    if named == "auto":
        named = "nll" if is_likelihood(detector) else "synthetic-auc"
        if supervised:
            named = "attack-auc"
    if OBJECTIVES[named].is_supervised and not supervised:
        raise plan.error(
            ("objective",),
            f"{named} chooses by labelled attacks: say --supervised, and every result will say so",
        )
    if supervised and not OBJECTIVES[named].is_supervised:
        raise plan.error(
            ("objective",),
            f"{named} looks at no attack, and --supervised was said: leave one of them out",
        )
    if named == "nll" and not is_likelihood(detector):
        raise plan.error(("objective",), f"{detector.name} gives calls no chances; synthetic-auc")
    if named == "source-ratio" and issubclass(detector, TraceDetector):
        raise plan.error(("objective",), f"{detector.name} gives single calls no loss")
    if named == "nll" and "baseline" in plan.space.parameters:
        raise plan.error(
            ("space", "baseline"), "it changes no chance of a call, and nll cannot rank it"
        )
    return named
