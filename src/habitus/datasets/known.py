"""Public data sets that Habitus knows by name: content, licence and whom to cite."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class KnownData:
    """A public data set.

    Attributes:
        sha256: of the file as its authors or mirrors give it out; other packings of it are
            accepted, and said to be others.
        terms: its licence, or what stands for one.
        citation: what to cite.
    """

    name: str
    title: str
    sha256: str
    terms: str
    citation: str


KNOWN = {
    "adfa-ld": KnownData(
        name="adfa-ld",
        title="ADFA-LD, the ADFA Linux data set (833 + 4372 normal traces, 746 attacks)",
        sha256="58d625470749344843a7f730b0875ce9b8769f6fa48f18dc4a92bd07c342ead5",
        terms="free for academic research, UNSW Canberra; no licence file",
        citation=(
            "G. Creech and J. Hu, Generation of a new IDS test dataset: time to retire the KDD "
            "collection, IEEE WCNC 2013"
        ),
    ),
}
