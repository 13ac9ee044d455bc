"""`lstm`: a recurrent language model of system calls.

Source: G. Kim, H. Yi, J. Lee, Y. Paek, S. Yoon, "LSTM-based system-call language modeling and
robust ensemble method for designing host-based intrusion detection systems", 2016, arXiv
1611.01726.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field, model_validator

from habitus.detectors.neural.language_model import LanguageModel, LanguageSettings

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

    from habitus.detectors.base import DetectorSettings
    from habitus.networks.recurrent import RecurrentNetwork

MAX_CELLS = 4096


def _cells_text(value: object) -> object:
    """Cells of one layer may be given as a number."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


class LstmSettings(LanguageSettings):
    """Settings of `Lstm`."""

    kind: Literal["lstm", "gru"] = Field("lstm", description="lstm or gru")
    layers: int = Field(1, ge=1, le=16, description="recurrent layers, one above another")
    cells: Annotated[str, BeforeValidator(_cells_text)] = Field(
        "128", pattern=r"^[1-9]\d{0,3}(,[1-9]\d{0,3}){0,15}$",
        description="of every layer, or one number a layer, as 64,256,100",
    )  # fmt: skip
    embedding: int = Field(
        128, ge=0, le=MAX_CELLS, description="numbers a call is read as; 0: one-hot"
    )
    tied: bool = Field(False, description="the output layer shares the embedding's weights")
    uniform: float = Field(
        0, ge=0, le=10,
        description="all weights begin uniform within plus and minus this; 0: as PyTorch does",
    )  # fmt: skip

    @property
    def cells_of_layers(self) -> tuple[int, ...]:
        """Cells of each layer."""
        cells = tuple(map(int, self.cells.split(",")))
        return cells * self.layers if len(cells) == 1 else cells

    @model_validator(mode="after")
    def _fits(self) -> Self:
        cells = self.cells_of_layers
        if max(cells) > MAX_CELLS:
            raise ValueError(f"a layer has at most {MAX_CELLS} cells")
        if len(cells) not in {self.layers, 1} and self.layers != 1:
            raise ValueError(f"cells names {len(cells)} layers, and layers says {self.layers}")
        if self.tied and self.embedding != cells[-1]:
            raise ValueError(
                f"weights can be tied if the embedding ({self.embedding}) is as wide as the last "
                f"layer ({cells[-1]})"
            )
        return self


_KIM2016: dict[str, object] = {
    "uniform": 0.1, "optimiser": "adam", "rate": 1e-4, "warm_up": 0, "decay": "none", "clip": 5,
    "weight_decay": 0, "average": 0, "dropout": 0.5, "unknown_share": 0, "batch": 32, "patience": 0,
    "epochs": 100, "calls": 30_000_000,
}  # fmt: skip


class Lstm(LanguageModel):
    """Surprise of a call is -log P(call | all calls of its trace before it), in nats.

    An LSTM (or GRU) reads the trace call by call; its state is all it remembers.

    Fails: where an attack does in familiar order what the program always does; and a better guesser
    is not a better detector, see its page.
    """

    name: ClassVar[str] = "lstm"
    summary: ClassVar[str] = "LSTM or GRU language model (Kim 2016)"
    Settings: ClassVar[type[DetectorSettings]] = LstmSettings
    presets: ClassVar[Mapping[str, Mapping[str, object]]] = {
        "kim2016-200": _KIM2016 | {"cells": "200", "embedding": 200},
        "kim2016-400": _KIM2016 | {"cells": "400", "embedding": 400},
        "kim2016-2x400": _KIM2016 | {"cells": "400", "layers": 2, "embedding": 400},
    }

    def _new_network(self, n_symbols: int) -> RecurrentNetwork:
        from torch import nn

        from habitus.networks.recurrent import RecurrentNetwork

        settings = self.settings
        network = RecurrentNetwork(
            n_symbols,
            kind=settings.kind,
            cells=settings.cells_of_layers,
            embedding=settings.embedding,
            tied=settings.tied,
            dropout=settings.dropout,
            dropout_input=settings.dropout if settings.embedding else 0.0,
        )
        if settings.uniform:
            for weight in network.parameters():
                if weight.requires_grad:
                    nn.init.uniform_(weight, -settings.uniform, settings.uniform)
        return network
