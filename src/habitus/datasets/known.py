"""Public data sets that Habitus knows by name: where they are, their terms and whom to cite.

Addresses are as the authors published them. An address may move; a mirror can be given instead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from habitus.datasets.publication import KnownData, KnownFile

if TYPE_CHECKING:
    from collections.abc import Iterator

_VERAZUO = "verazuo/a-labelled-version-of-the-ADFA-LD-dataset"
_COMMIT = "68bedf561f7b7abe9954a3ddc22dbf24c0d42372"
_UNM = "https://www.cs.unm.edu/~immsec/data"
_LEIPZIG = "https://cloud.scadsai.uni-leipzig.de/index.php/s"
_DEEPFENCE = "https://deepfence-public.s3.amazonaws.com/pcap-datasets"

_UNM_PAGES = {
    "ftp": ("synth-ftp", "wu-ftpd, synthetic"),
    "inetd": ("live-inetd", "inetd, live"),
    "login-ps": ("login-ps", "login and ps, live, with Trojans of both"),
    "lpr": ("live-lpr", "lpr, live, of MIT and of UNM"),
    "lpr-synth": ("synth-lpr", "lpr, synthetic"),
    "named": ("live-named", "named, live"),
    "sendmail": ("synth-sm", "sendmail, synthetic, of UNM and of CERT"),
    "stide": ("live-stide", "stide, live"),
    "xlock": ("xlock", "xlock, synthetic and live"),
}
_UNM_PROGRAMS = {"login-ps": ("login", "ps"), "lpr-synth": ("lpr",)}
"""The programs of which a set holds traces, where its name does not say so."""
_LID_DS_SHARES = {2019: "HLXiWssriRMt9pp", 2021: "cRswswLo2QfLNYL"}
_LID_DS = {
    2019: (
        "Bruteforce_CWE-307 CVE-2012-2122 CVE-2014-0160 CVE-2017-7529 CVE-2018-3760 CVE-2019-5418 "
        "EPS_CWE-434 PHP_CWE-434 SQL_Injection_CWE-89 ZipSlip"
    ),
    2021: (
        "Bruteforce_CWE-307 CVE-2012-2122 CVE-2014-0160 CVE-2017-7529 CVE-2017-12635_6 "
        "CVE-2018-3760 CVE-2019-5418 CVE-2020-9484 CVE-2020-13942 CVE-2020-23839 "
        "CWE-89-SQL-injection EPS_CWE-434 Juice-Shop PHP_CWE-434 ZipSlip"
    ),
}
_CAPTURES = {
    "flowmeter-benign": ("benign_2017-05-02_kali-normal22.pcap", "ordinary work"),
    "flowmeter-webgoat": ("webgoat.pcap", "attacks on WebGoat"),
}
FAMILIES = {
    "flowmeter-": "FlowMeter's captures of packets",
    "lid-ds-2019-": "LID-DS 2019, Leipzig University: a set for each scenario",
    "lid-ds-2021-": "LID-DS 2021, Leipzig University: a set for each scenario",
    "unm-": "UNM system calls, a set for each program",
}
"""What the sets of a family are, by what their names begin with."""


def _adfa_ld() -> Iterator[KnownData]:
    yield KnownData(
        name="adfa-ld",
        title="ADFA-LD, the ADFA Linux data set (833 + 4372 normal traces, 746 attacks)",
        terms="free for academic research, UNSW Canberra; no licence file",
        citation=(
            "G. Creech and J. Hu, Generation of a new IDS test dataset: time to retire the KDD "
            "collection, IEEE WCNC 2013"
        ),
        files=(
            KnownFile(
                "ADFA-LD.zip",
                (
                    f"https://github.com/{_VERAZUO}/raw/{_COMMIT}/ADFA-LD.zip",
                    f"https://raw.githubusercontent.com/{_VERAZUO}/{_COMMIT}/ADFA-LD.zip",
                ),
                "58d625470749344843a7f730b0875ce9b8769f6fa48f18dc4a92bd07c342ead5",
                2_381_193,
            ),
        ),
        protocols=("adfa-ld", "adfa-ld/distinct", "adfa-ld/dev", "adfa-ld/final"),
    )


def _unm() -> Iterator[KnownData]:
    for short, (page, what) in _UNM_PAGES.items():
        yield KnownData(
            name=f"unm-{short}",
            title=f"UNM system calls: {what}",
            terms="no licence stated; published by the University of New Mexico for research",
            citation=(
                "S. Forrest, S. Hofmeyr, A. Somayaji and T. Longstaff, A sense of self for Unix "
                "processes, IEEE Symposium on Security and Privacy 1996; C. Warrender, S. Forrest "
                "and B. Pearlmutter, Detecting intrusions using system calls: alternative data "
                "models, IEEE Symposium on Security and Privacy 1999"
            ),
            page=KnownFile(f"{page}.html", (f"{_UNM}/{page}.html",)),
            protocols=tuple(f"unm/{program}" for program in _UNM_PROGRAMS.get(short, (short,))),
            family="unm-",
        )


def _lid_ds() -> Iterator[KnownData]:
    for year, scenarios in _LID_DS.items():
        for scenario in scenarios.split():
            file = f"{scenario}.zip"
            address = f"{_LEIPZIG}/{_LID_DS_SHARES[year]}/download?path=%2F&files={file}"
            yield KnownData(
                name=f"lid-ds-{year}-{scenario.lower()}",
                title=f"LID-DS {year}, Leipzig University: {scenario}",
                terms="GPL-3.0",
                citation=(
                    "M. Grimmer, M. M. Röhling, D. Kreußel and S. Ganz, A modern and sophisticated "
                    "host based intrusion detection data set, 2019"
                    + ("; LID-DS 2021, Leipzig University" if year == 2021 else "")
                ),
                files=(KnownFile(file, (address,)),),
                protocols=("lid-ds",),
                family=f"lid-ds-{year}-",
            )


def _flowmeter() -> Iterator[KnownData]:
    for name, (file, what) in _CAPTURES.items():
        yield KnownData(
            name=name,
            title=f"FlowMeter's capture of {what}",
            terms="no licence stated; published by Deepfence",
            citation="Deepfence, FlowMeter, https://github.com/deepfence/FlowMeter",
            files=(KnownFile(file, (f"{_DEEPFENCE}/{file}",)),),
            purpose="captures",
            family="flowmeter-",
        )


KNOWN = {
    data.name: data
    for family in (_adfa_ld, _flowmeter, _lid_ds, _unm)
    for data in sorted(family(), key=lambda data: data.name)
}
