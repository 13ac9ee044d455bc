"""What an intruder does on a client that others use, too: harmless, and to our servers only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from network.attacks import exfiltration, guessing, scanning

if TYPE_CHECKING:
    from network.people import Activity

# By the name of the activity in labels.
ATTACKS: dict[str, Activity] = {
    "scan-connect": scanning.connect,
    "scan-abort": scanning.abort,
    "scan-slow": scanning.slowly,
    "guess-fast": guessing.fast,
    "guess-slow": guessing.slowly,
    "exfiltrate-names": exfiltration.by_names,
    "exfiltrate-web": exfiltration.by_web,
    "exfiltrate-files": exfiltration.by_files,
    "beacon": exfiltration.call_home,
}
