"""What detectors share that read calls by a recurrent network: its settings, and how it is made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field, model_validator

from habitus.detectors.neural.language_model import LanguageModel, LanguageSettings
from habitus.learning.recipe import Decay  # noqa: TC001 - pydantic needs it at run time

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

    from habitus.detectors.base import DetectorSettings
    from habitus.networks.recurrent import RecurrentNetwork

MAX_CELLS = 4096


def _cells_text(value: object) -> object:
    """Cells of one layer may be given as a number."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


class RecurrentSettings(LanguageSettings):
    """Settings of a recurrent network and its training."""

    # Short stretches and a high, steady rate whose noise the running mean takes away: on
    # adfa-ld/dev as good after 30 epochs as stretches of 100 ever were.
    epochs: int = Field(40, ge=1, le=100_000, description="passes over the traces, at most")
    batch: int = Field(64, ge=1, le=65_536, description="traces (or windows) learned side by side")
    decay: Decay = Field("none", description="cosine: the rate falls to a fiftieth; or none")
    stretch: int = Field(20, ge=1, le=8192, description="calls that the gradient goes back through")
    dropout: float = Field(
        0.3, ge=0, le=0.95, description="share of a layer's numbers that training sets to zero"
    )
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
    "weight_decay": 0, "average": 0, "baseline": 0, "dropout": 0.5, "kin_share": 0,
    "unknown_share": 0, "batch": 32, "stretch": 100, "patience": 0, "epochs": 100,
    "calls": 30_000_000,
}  # fmt: skip


class RecurrentModel(LanguageModel):
    """A language model whose network is an LSTM or GRU; a subclass says what it makes of it."""

    Settings: ClassVar[type[DetectorSettings]] = RecurrentSettings
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
