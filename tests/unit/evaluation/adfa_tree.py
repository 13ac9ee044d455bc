"""A tiny data set laid out like ADFA-LD, with everything that is awkward in the large one."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

NORMAL = "6 6 63 6 42 120 6 195"
TRAINING = [f"{NORMAL} {NORMAL} {i}" for i in range(3, 11)]
# Two validation traces equal training traces, one stands three times.
VALIDATION = [
    *TRAINING[:2], *[f"{NORMAL} 20"] * 3, *[f"{NORMAL} {NORMAL} {i} 252" for i in range(3, 23)]
]  # fmt: skip
FOLDERS = [f"{kind}_{number}" for kind in ("Hydra_FTP", "Adduser") for number in range(1, 11)]


def adfa_tree(folder: Path) -> Path:
    """Write the tree and return its root."""
    root = folder / "ADFA-LD"
    for name, prefix, traces in (
        ("Training_Data_Master", "UTD", TRAINING),
        ("Validation_Data_Master", "UVD", VALIDATION),
    ):
        (root / name).mkdir(parents=True)
        for i, numbers in enumerate(traces):
            (root / name / f"{prefix}-{i:04}.txt").write_text(numbers)
    for n, attack in enumerate(FOLDERS):
        place = root / "Attack_Data_Master" / attack
        place.mkdir(parents=True)
        for i in range(2):
            calls = " ".join(["168 265 3 54"] * (n + i + 2))
            (place / f"UAD-{attack}-{i}.txt").write_text(calls)
    return root
