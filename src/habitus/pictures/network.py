"""The page of a model that is a network: how it learned, where it put calls, what its cells do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from habitus.detectors.neural.network_detector import NetworkDetector
from habitus.errors import UsageError
from habitus.pictures.call_map import (
    LEAST_CALLS,
    LEAST_SEEN,
    CallMap,
    Of,
    call_map,
    map_record,
)
from habitus.pictures.cells import Cells, cells_over, cells_record
from habitus.pictures.cells_part import cells_part
from habitus.pictures.learning import learning_part
from habitus.pictures.map_part import map_part
from habitus.pictures.page import escaped, page

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from habitus.models.model import Model
    from habitus.traces.traceset import TraceSet


@dataclass(frozen=True, eq=False)
class NetworkPicture:
    """What can be drawn of a network.

    Attributes:
        maps: by which numbers calls are put on a map: those they are read as, and those they are
            expected by; empty if there are none, or too few calls occurred: ``why_no_map``.
        cells: None if no trace was given.
    """

    model: Model
    detector: NetworkDetector
    maps: tuple[CallMap, ...]
    why_no_map: str
    cells: Cells | None

    @classmethod
    def of(
        cls, model: Model, trace: TraceSet | None = None, first_call: int = 1, *, seed: int = 1
    ) -> NetworkPicture:
        """Find out what there is to draw.

        Args:
            trace: one trace, over which cells are drawn from its call ``first_call`` on.
            seed: of the map.

        Raises:
            UsageError: if the model is no network, or has no cells to draw over a trace.
        """
        detector = model.detector
        if not isinstance(detector, NetworkDetector):
            raise UsageError(f"a model of {detector.name} is no network")
        cells = None if trace is None else cells_over(model, trace, first_call)
        numbers: dict[Of, NDArray[np.float32] | None] = {
            "read": detector.embedding(), "expected": detector.output_rows()
        }  # fmt: skip
        found = {of: vectors for of, vectors in numbers.items() if vectors is not None}
        maps = [call_map(model, vectors, of, seed=seed) for of, vectors in found.items()]
        drawn = tuple(one for one in maps if one is not None)
        why_none = (
            f"Fewer than {LEAST_CALLS} calls occur {LEAST_SEEN} times in its training traces: too "
            "few for a map."
            if found
            else "It has no numbers of its own for single calls: there is no map."
        )
        return cls(model, detector, drawn, "" if drawn else why_none, cells)

    def page(self, name: str) -> str:
        """An HTML page by itself, of the model called ``name``."""
        origin = self.model.provenance
        body = (
            f"<p>What a network learned from <code>{escaped(origin.data)}</code>: "
            f"{origin.n_traces:,} traces, {origin.n_calls:,} calls. Model "
            f"<code>{escaped(name)}</code>, {escaped(self.detector.name)}, "
            f"{escaped(origin.created[:10])}.</p>\n<h2>How it learned</h2>\n"
            + learning_part(self.detector.history, self.detector.unit)
            + "<h2>Where it put calls</h2>\n"
            + (map_part(self.maps) if self.maps else f"<p>{escaped(self.why_no_map)}</p>\n")
        )
        if self.cells is not None:
            body += "<h2>What its cells do</h2>\n" + cells_part(self.cells)
        return page("What a network has learned", body)

    def record(self) -> dict[str, Any]:
        """Maps and cells as plain values."""
        return {
            "maps": [map_record(one) for one in self.maps],
            "cells": None if self.cells is None else cells_record(self.cells),
        }

    def told(self) -> str:
        """What is on the page, in a few words."""
        n_epochs = len(self.detector.history.epochs)
        parts = [f"{n_epochs:,} epoch{'s' * (n_epochs != 1)}"]
        if self.maps:
            parts.append(f"a map of {len(self.maps[0].calls):,} calls")
        if self.cells is not None:
            parts.append(f"cells over {len(self.cells.calls):,} calls")
        return ", ".join(parts)
