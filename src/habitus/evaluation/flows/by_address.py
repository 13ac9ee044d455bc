"""Labels by who an attacker was: for recordings of which that is all one knows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from habitus.errors import InputError
from habitus.flows.extracting import extract_flows
from habitus.flows.flowtable import no_flows
from habitus.flows.labelled import LabelledFile, LabelledFlows

if TYPE_CHECKING:
    import os


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
    )
