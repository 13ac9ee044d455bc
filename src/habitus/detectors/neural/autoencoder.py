"""`autoencoder`: windows of calls that a network cannot pass through a narrow code and back.

Source of the preset `daisi` and of the target `embedding`: the autoencoder of the research
repository it is named after, whose published separation does not hold (docs/results/encoding.md).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from pydantic import Field

from habitus.detectors.borrowing import KIN_SHARE, borrowing_nats
from habitus.detectors.neural.network_detector import NetworkDetector
from habitus.detectors.neural.settings import TrainingSettings
from habitus.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray
    from torch import Tensor

    from habitus.detectors.base import DetectorSettings
    from habitus.learning.windows import Windows, WindowTask
    from habitus.networks.windows import WindowAutoencoder
    from habitus.traces.traceset import TraceSet

MAX_NUMBERS = 1 << 22
"""Of one layer's float32 output that are held at once while windows are scored."""
MAX_BATCH = 4096


class AutoencoderSettings(TrainingSettings):
    """Settings of `Autoencoder`."""

    target: Literal["calls", "embedding"] = Field(
        "calls", description="what must be got back: calls, or their embedding (trained, too)"
    )
    length: int = Field(8, ge=1, le=128, description="calls of a window")
    embedding: int = Field(16, ge=1, le=512, description="numbers a call is read as")
    hidden: int = Field(256, ge=1, le=2048, description="width of the layers on each side")
    layers: int = Field(2, ge=0, le=16, description="layers of that width; one of half follows")
    code: int = Field(8, ge=1, le=2048, description="numbers that a window must pass through")
    merge: int = Field(
        8, ge=0, le=10**9,
        description="equal windows learned as one that counts as often, at most; 0: no limit",
    )  # fmt: skip
    unknown_share: float = Field(
        0.01, ge=0, le=0.9, description="of the calls read in training, replaced by an unknown one"
    )
    floor: float = Field(
        1e-4, ge=1e-12, le=0.5,
        description="target calls: share of chance spread over all known calls and the unknown one",
    )  # fmt: skip
    batch: int = Field(256, ge=1, le=65_536, description="windows learned side by side")
    epochs: int = Field(10, ge=1, le=100_000, description="passes over the windows, at most")
    kin_share: float = KIN_SHARE


_DAISI: dict[str, object] = {
    "target": "embedding", "length": 20, "embedding": 10, "hidden": 8, "layers": 2, "code": 3,
    "batch": 64, "optimiser": "sgd", "rate": 0.01, "warm_up": 0, "decay": "none", "clip": 0,
    "weight_decay": 0, "average": 0, "epochs": 60, "patience": 3, "calls": 0,
    "merge": 1, "unknown_share": 0, "kin_share": 0,
}  # fmt: skip


class Autoencoder(NetworkDetector):
    """Surprise of a call is what it costs to give the window that ends there back.

    With the target `calls`: the mean over the window's calls of ``-log P(call | code, position)``,
    in nats, where ``P = (1 - floor) p + floor / (V + 1)`` for V known calls. A call outside the
    vocabulary is read as its kin and borrows of its probability (`habitus.detectors.borrowing`);
    one without kin has the floor alone. With the target `embedding`: the mean squared error, to
    which a borrowed name adds nothing.

    The first `length` - 1 calls of a trace end no window: their surprise is undefined (NaN), and a
    shorter trace cannot be scored.

    Fails: on what is made of few familiar calls, which is cheap to give back in whatever order; and
    a code that is wide enough gives anything back.
    """

    name: ClassVar[str] = "autoencoder"
    aggregation: ClassVar[str] = "median"
    summary: ClassVar[str] = "windows that do not pass through a narrow code and back"
    stream_error: ClassVar[float] = 1e-4
    Settings: ClassVar[type[DetectorSettings]] = AutoencoderSettings
    presets: ClassVar[Mapping[str, Mapping[str, object]]] = {"daisi": _DAISI}
    network: WindowAutoencoder

    @property
    def unit(self) -> str:
        return "nats" if self.settings.target == "calls" else "squared error"

    @property
    def memory_calls(self) -> int:
        return int(self.settings.length) - 1

    @property
    def _learnable_calls(self) -> int:
        return int(self.settings.length)

    def _new_network(self, n_symbols: int) -> WindowAutoencoder:
        from habitus.networks.windows import WindowAutoencoder

        settings = self.settings
        return WindowAutoencoder(
            n_symbols,
            length=settings.length,
            embedding=settings.embedding,
            hidden=settings.hidden,
            layers=settings.layers,
            code=settings.code,
            target=settings.target,
        )

    def _task(self, network: WindowAutoencoder, learned: TraceSet, judged: TraceSet) -> WindowTask:
        from habitus.learning.windows import WindowTask

        windows = self._windows(learned, self.settings.merge)
        if not len(windows):
            length = self.settings.length
            raise UsageError(
                f"no trace that is learned has {length} calls, and so none has a window to give "
                "back: set a shorter length"
            )
        return WindowTask(
            network,
            windows,
            self._windows(judged, 0),
            n_held_out=judged.n_traces,
            batch=self.settings.batch,
            unknown_share=self.settings.unknown_share,
        )

    def _windows(self, traces: TraceSet, merge: int) -> Windows:
        from habitus.learning.windows import Windows

        return Windows.of(
            self.vocabulary.encode(traces), traces.offsets, len(self.vocabulary),
            self.settings.length, merge=merge,
        )  # fmt: skip

    def facts(self) -> dict[str, float]:
        """The embedding's norm, where it is what must be got back: whether it has shrunk."""
        if self.settings.target == "calls":
            return {}
        return {
            "embedding_norm_before_training": float(self.network.begun_norm),
            "embedding_norm": float(self.network.norm),
        }

    def surprise(self, traces: TraceSet) -> NDArray[np.float32]:
        from habitus.learning.windows import blocks_of

        symbols = np.minimum(self.vocabulary.encode(traces), len(self.vocabulary))
        out = np.full(len(symbols), np.nan, dtype=np.float32)
        length = self.settings.length
        for block in blocks_of(symbols.astype(np.uint16), traces.offsets, length):
            # Traces repeat themselves and each other: most windows are some other one's equal.
            out[block.starts + length - 1] = self._costs(block.distinct)[block.which]
        return out + self._borrowed(traces)

    def _borrowed(self, traces: TraceSet) -> NDArray[np.float32] | float:
        """(n_calls,) float32 nats: what the calls of windows cost on top, by the call they end at.

        Of a call that ends no window it means nothing.
        """
        if self.settings.target == "embedding":
            return 0.0
        prices = borrowing_nats(traces, self.vocabulary, self.settings.kin_share)
        if isinstance(prices, float):
            return prices
        length = self.settings.length
        sums = np.concatenate([np.zeros(length), np.cumsum(prices, dtype=np.float64)])
        means: NDArray[np.float32] = ((sums[length:] - sums[:-length]) / length).astype(np.float32)
        return means

    def _costs(self, windows: NDArray[np.uint16]) -> NDArray[np.float32]:
        """(n,) float32: what it costs to give each window back."""
        import torch

        settings = self.settings
        widest = max(settings.length * max(len(self.vocabulary), settings.embedding), 1)
        size = max(1, min(MAX_BATCH, MAX_NUMBERS // max(widest, settings.hidden)))
        costs = np.empty(len(windows), dtype=np.float32)
        with torch.inference_mode():
            for begin in range(0, len(windows), size):
                batch = torch.from_numpy(windows[begin : begin + size].astype(np.int64))
                costs[begin : begin + size] = self._losses(batch).mean(dim=1).numpy()
        return costs

    def _losses(self, windows: Tensor) -> Tensor:
        """(B, length) float32: what each call of windows costs."""
        rebuilt = self.network(windows)
        if self.settings.target == "embedding":
            return self.network.squared_error(rebuilt, windows)
        n_symbols, floor = len(self.vocabulary), self.settings.floor
        logits = self.network.logits(rebuilt)
        known = windows.clamp(max=max(0, n_symbols - 1))
        chances = logits.softmax(dim=-1).gather(2, known[..., None])[..., 0]
        chances = chances.masked_fill(windows >= n_symbols, 0.0)
        mixed: Tensor = chances * (1 - floor) + floor / (n_symbols + 1)
        return -mixed.log()
