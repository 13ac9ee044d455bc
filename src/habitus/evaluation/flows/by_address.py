"""Labels by who an attacker was: for recordings of which that is all one knows."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from habitus.errors import InputError
from habitus.files.named import refuse_missing
from habitus.flows.extracting import extract_flows
from habitus.flows.flowtable import no_flows
from habitus.flows.labelled import LabelledFile, LabelledFlows
from habitus.flows.tracker import TrackSettings

if TYPE_CHECKING:
    import os


MAX_TRUTH_BYTES = 1 << 20


def flows_of_recording(path: str | os.PathLike[str]) -> LabelledFlows:
    """The flows of a recording of LID-DS, malicious if its attacker's address is at either end.

    The attacker is who the ground truth beside the capture says: ``NAME.json`` by ``NAME.pcap``, a
    container with the role ``attacker``.

    Args:
        path: the capture, or a folder in which one capture with its ground truth lies.

    Raises:
        InputError: if there is no capture, or several, or no ground truth, or it names no attacker.
    """
    named = Path(path)
    if named.is_dir():
        captures = [
            one for one in sorted(named.glob("*.pcap")) if one.with_suffix(".json").exists()
        ]
        if len(captures) != 1:
            raise InputError(
                f"{named}: holds {len(captures)} captures NAME.pcap with ground truth NAME.json "
                "beside them; wanted one: name the capture"
            )
        named = captures[0]
    refuse_missing([named])
    return flows_by_address(named, _attacker(named.with_suffix(".json")))


def _attacker(truth: Path) -> str:
    wanted = f"{truth}: wanted the ground truth of LID-DS: JSON with a container of role attacker"
    try:
        with truth.open("rb") as file:
            told = json.loads(file.read(MAX_TRUTH_BYTES))
        found = [str(one["ip"]) for one in told["container"] if one.get("role") == "attacker"]
    except OSError as error:
        raise InputError(f"{wanted} ({error.strerror or error})") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise InputError(wanted) from None
    if len(found) != 1:
        raise InputError(f"{wanted}; found {len(found)} of them")
    return found[0]


def flows_by_address(
    capture: str | os.PathLike[str], attacker: str, *, source: str = ""
) -> LabelledFlows:
    """The flows of one capture, malicious if the attacker's address is at either end.

    Each host that talks to others is a file of its own: in one capture, hosts are what can be held
    out. A flow is its client's: the source of its first packet.

    Raises:
        InputError: if the capture cannot be read, or no flow is the attacker's.
    """
    table = pl.concat(list(extract_flows([capture])) or [no_flows()])
    ends = pl.col("source_ip").eq_missing(attacker) | pl.col("destination_ip").eq_missing(attacker)
    malicious = table.select(ends.alias("is"))["is"].to_numpy()
    if not malicious.any():
        raise InputError(f"{capture}: none of its {len(table):,} flows is of {attacker}")
    hosts = table["source_ip"].fill_null("no address").to_numpy().astype(object)
    hosts[malicious] = attacker
    names, codes = np.unique(hosts.astype(str), return_inverse=True)
    name = source or Path(capture).stem
    return LabelledFlows(
        flows=table,
        malicious=malicious,
        file_of=codes.astype(np.int64),
        files=tuple(LabelledFile(f"{name}/{host}", name) for host in names.tolist()),
        benign_labels=("others",),
        malicious_labels=(attacker,),
        name=str(capture),
        sha256=_sha256(Path(capture)),
        extraction=TrackSettings(),
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
