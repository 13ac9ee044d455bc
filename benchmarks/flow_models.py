"""How well models of flows do, and what random rows make of that: every protocol, one page.

Each protocol and detector is kept as soon as it is judged; what stands there already is not judged
again, unless the code or the data changed:

    python benchmarks/flow_models.py
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

from common import WORK, test_data, write_page
from flow_models_page import DETECTORS, lines_of
from kept import Row, code_of, kept

from habitus.datasets.network import unpack_network
from habitus.evaluation.flows.by_address import flows_of_recording
from habitus.evaluation.flows.doctor.checkup import FlowCheckup, check_flows
from habitus.evaluation.flows.evaluate import evaluate_flows
from habitus.evaluation.flows.judging import Contender
from habitus.evaluation.flows.protocols import NDPI, get_flow_protocol
from habitus.evaluation.flows.results import FlowResults
from habitus.flows.labelled import LabelledFlows
from habitus.flows.labelled_reading import read_labelled_flows
from habitus.models.versions import versions_with

SEED = 1
WITHIN = ("habitus.detectors.flow", "habitus.evaluation", "habitus.flows", "habitus.packets")
DOCTOR = code_of("habitus.evaluation.flows.doctor.checkup", within=WITHIN)
CODE = code_of(
    "habitus.evaluation.flows.evaluate", "habitus.flows.labelled_reading",
    "habitus.detectors.flow.boosting", "habitus.detectors.flow.flow_outlier",
    "habitus.detectors.flow.logistic",
    within=WITHIN,
)  # fmt: skip
FOLDER = WORK / "flow_models"


@cache
def captures() -> LabelledFlows:
    """The labelled captures of test suites."""
    return read_labelled_flows(test_data() / "pcap" / "LABELS.csv")


@cache
def connections() -> LabelledFlows:
    """Zeek's labelled connections of three captures."""
    return read_labelled_flows(test_data() / "zeek-labelled")


@cache
def recording() -> LabelledFlows:
    """One recording of LID-DS, labelled by its attacker's address."""
    return flows_of_recording(test_data() / "lid-ds")


@cache
def shipped() -> LabelledFlows:
    """The captures that Habitus ships."""
    with tempfile.TemporaryDirectory() as folder:
        unpack_network(Path(folder) / "network")
        return read_labelled_flows(Path(folder) / "network")


Data = Callable[[], LabelledFlows]
RUNS: tuple[tuple[str, str, Data], ...] = (
    ("zeek", "zeek/leave-one-out", connections),
    ("zeek", "flows/random-rows", connections),
    ("lid-ds", "lid-ds/flows", recording),
    ("shipped", "flows/file", shipped),
    ("shipped", "flows/random-rows", shipped),
    ("pcap", "pcap/source", captures),
    ("pcap", "pcap/file", captures),
    ("pcap", "pcap/random-rows", captures),
)


def main() -> None:
    """Judge what is not judged yet, and write the page."""
    rows: dict[tuple[str, str], FlowResults] = {}
    for data, protocol, flows in RUNS:
        parts = [judged(data, protocol, flows, detector) for detector in DETECTORS]
        rows[data, protocol] = together([part for part in parts if part is not None])
    doctored = {
        "pcap": checked("pcap", captures), "shipped": checked("shipped", shipped),
        "zeek": checked("zeek", connections),
    }  # fmt: skip
    write_page("flow_models", list(lines_of(rows, doctored)), "flow_models.py")


def judged(data: str, protocol: str, flows: Data, detector: str) -> FlowResults | None:
    """One detector under one protocol, and the baseline."""
    version: Row = {
        "code": CODE, "data": flows().sha256, "seed": SEED,
        **versions_with("scikit-learn", "polars"),
    }  # fmt: skip

    def made() -> Row:
        other = captures().of_sources(NDPI) if data == "lid-ds" else None
        found = evaluate_flows(
            flows(), get_flow_protocol(protocol), [Contender(detector)], other=other, seed=SEED
        )
        return found.model_dump(mode="json")

    name = f"{data}-{protocol}-{detector}".replace("/", "-")
    return FlowResults.model_validate(kept(FOLDER / f"{name}.json", version, made))


def together(parts: Sequence[FlowResults]) -> FlowResults:
    """Results of single detectors as one, the baseline once and last."""
    trials = []
    for name in dict.fromkeys(trial.name for part in parts for trial in part.trials):
        same = [trial for part in parts for trial in part.trials if trial.name == name]
        found = {result.name: result for trial in same for result in trial.results}
        order = sorted(found.values(), key=lambda result: result.is_baseline)
        trials.append(same[0].model_copy(update={"results": tuple(order)}))
    return parts[0].model_copy(update={"trials": tuple(trials)})


def checked(data: str, flows: Data) -> FlowCheckup:
    """What the data doctor says of a set."""
    version: Row = {
        "code": DOCTOR, "data": flows().sha256, "seed": SEED,
        **versions_with("scikit-learn", "polars"),
    }  # fmt: skip

    def made() -> Row:
        return check_flows(flows(), seed=SEED).model_dump(mode="json")

    row = kept(FOLDER / f"{data}-doctor.json", version, made)
    return FlowCheckup.model_validate(row)


if __name__ == "__main__":
    main()
