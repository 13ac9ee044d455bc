"""Labels from paths: which folders make a trace normal, an attack, or part of the training."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path, PurePosixPath

from habitus.traces.traceset import Label, TraceInfo

UNSUCCESSFUL = "unsuccessful"
"""The split of attacks that failed: whether they are to be found is for a protocol to say."""
_LABEL_FOLDERS = {
    "normal": Label.NORMAL,
    "normals": Label.NORMAL,
    "benign": Label.NORMAL,
    "attack": Label.ATTACK,
    "attacks": Label.ATTACK,
    "malicious": Label.ATTACK,
    "intrusion": Label.ATTACK,
    "intrusions": Label.ATTACK,
    "unsuccessful-intrusion": Label.ATTACK,
}
_SPLIT_FOLDERS = {
    "train": "training",
    "training": "training",
    "unsuccessful-intrusion": UNSUCCESSFUL,
}


def labelled(info: TraceInfo, above: str = "") -> TraceInfo:
    """``info`` with label and attack type from the folders it lies in, where its format told none.

    ``normal/`` and ``attack/`` folders give the label, ``train/`` the training part, and
    ``unsuccessful-intrusion/`` attacks whose split is `UNSUCCESSFUL`. The type of an attack is the
    next folder, or the file's name without its number: ``reverse-shell-02.strace`` is a
    ``reverse-shell``. ``above`` is the folder that was read: ``recordings/attack`` holds attacks,
    too.
    """
    if info.label is not Label.UNKNOWN:
        return info
    parts = PurePosixPath(above, info.name).parts
    folders = [part.lower() for part in parts[:-1]]
    below_path = [part.lower() for part in PurePosixPath(info.name).parts[:-1]]
    splits = [_SPLIT_FOLDERS[part] for part in below_path if part in _SPLIT_FOLDERS]
    split = splits[0] if splits else info.split
    marks = [i for i, part in enumerate(folders) if part in _LABEL_FOLDERS]
    if not marks:
        return replace(info, split=split, label=Label.NORMAL if split else Label.UNKNOWN)
    label = _LABEL_FOLDERS[folders[marks[-1]]]
    below = parts[marks[-1] + 1 :]
    if label is Label.NORMAL:
        return replace(info, split=split, label=label)
    stem = PurePosixPath(re.sub(r"[#:].*$", "", below[0])).stem
    attack = below[0] if len(below) > 1 else re.sub(r"[-_.]?\d+$", "", stem) or stem
    return replace(info, split=split, label=label, attack=attack)


def folders_above(path: Path) -> str:
    """The folders that a path names: what lies in ``rec/attack/shell`` lies in ``attack``, too."""
    folder = path if path.is_dir() else path.parent
    return str(folder) if folder.name else folder.resolve().name
