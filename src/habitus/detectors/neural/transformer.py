"""`transformer`: attention over the last calls as a language model of system calls.

Source: A. Vaswani et al., "Attention is all you need", 2017, arXiv 1706.03762.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field, model_validator

from habitus.detectors.neural.language_model import LanguageModel, LanguageSettings

if TYPE_CHECKING:
    from typing import Self

    from habitus.detectors.base import DetectorSettings
    from habitus.networks.attention import AttentionNetwork

MAX_STATE = 1 << 20
"""Numbers that may be remembered of one trace."""


class TransformerSettings(LanguageSettings):
    """Settings of `Transformer`."""

    epochs: int = Field(20, ge=1, le=100_000, description="passes over the traces, at most")
    layers: int = Field(2, ge=1, le=64, description="of attention, one above another")
    heads: int = Field(4, ge=1, le=256, description="of attention in each layer")
    width: int = Field(
        64, ge=2, le=4096, description="numbers that stand for a call; a multiple of 2 heads"
    )
    window: int = Field(32, ge=3, le=65_536, description="calls that a layer attends to")
    dropout: float = Field(
        0.2, ge=0, le=0.95, description="share of a layer's numbers that training sets to zero"
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.width % (2 * self.heads):
            raise ValueError(
                f"width ({self.width}) must be a multiple of twice the heads ({2 * self.heads})"
            )
        state = (self.window - 1) * (1 + 2 * self.layers * self.width)
        if state > MAX_STATE:
            raise ValueError(
                f"layers, width and window ask for {state:,} numbers to be remembered of each "
                f"trace, (window - 1) (1 + 2 layers width); at most {MAX_STATE:,} are"
            )
        return self


class Transformer(LanguageModel):
    """Surprise of a call is -log P(call | the last calls of its trace before it), in nats.

    Each layer attends to the last ``window`` calls, so ``1 + layers (window - 1)`` of them bear on
    a guess, by default 63: what was before them is forgotten for good.

    Fails: where what makes a call strange is longer ago than that; where an attack does in familiar
    order what the program always does.
    """

    name: ClassVar[str] = "transformer"
    summary: ClassVar[str] = "attention over the last calls as language model (Vaswani 2017)"
    Settings: ClassVar[type[DetectorSettings]] = TransformerSettings

    @property
    def memory_calls(self) -> int:
        """All that its layers reach."""
        return 1 + int(self.settings.layers) * (int(self.settings.window) - 1)

    def _new_network(self, n_symbols: int) -> AttentionNetwork:
        from habitus.networks.attention import AttentionNetwork

        settings = self.settings
        return AttentionNetwork(
            n_symbols,
            width=settings.width,
            heads=settings.heads,
            layers=settings.layers,
            window=settings.window,
            dropout=settings.dropout,
        )
