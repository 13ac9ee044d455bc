"""Settings that detectors made of networks share."""

from __future__ import annotations

from pydantic import Field

from habitus.detectors.base import DetectorSettings
from habitus.learning.recipe import Decay, OptimiserName, Recipe


class TrainingSettings(DetectorSettings):
    """How a network is trained."""

    epochs: int = Field(30, ge=1, le=100_000, description="passes over the traces, at most")
    calls: int = Field(
        20_000_000, ge=0, le=10**15, description="calls read in training, at most; 0: no limit"
    )
    patience: int = Field(
        8, ge=0, le=100_000,
        description="epochs without a better held-out loss after which training ends; 0: never",
    )  # fmt: skip
    stop_share: float = Field(
        0.1, ge=0, le=0.9,
        description="of the training traces, held out to tell when to stop; 0: none",
    )  # fmt: skip
    batch: int = Field(32, ge=1, le=65_536, description="traces (or windows) learned side by side")
    optimiser: OptimiserName = Field("adamw", description="adam, adamw, rmsprop or sgd")
    rate: float = Field(2e-3, gt=0, le=100, description="highest learning rate")
    warm_up: int = Field(
        100, ge=0, le=10**9, description="updates over which the rate rises to its highest"
    )
    decay: Decay = Field("cosine", description="cosine: the rate falls to a fiftieth; or none")
    clip: float = Field(1.0, ge=0, le=1e9, description="largest norm of a gradient; 0: no limit")
    weight_decay: float = Field(0.01, ge=0, le=1, description="of the optimiser, on matrices only")

    average: float = Field(
        0.998, ge=0, lt=1,
        description="what an update leaves of the running mean of the weights, which is kept; "
        "0: the weights themselves are",
    )  # fmt: skip

    @property
    def recipe(self) -> Recipe:
        """What the training loop wants of them."""
        return Recipe(
            epochs=self.epochs,
            calls=self.calls,
            patience=self.patience,
            optimiser=self.optimiser,
            rate=self.rate,
            warm_up=self.warm_up,
            decay=self.decay,
            clip=self.clip,
            weight_decay=self.weight_decay,
            average=self.average,
        )
