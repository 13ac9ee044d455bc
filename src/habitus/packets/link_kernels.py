"""The fast loops over what lies below IP: links, tags, labels.

Each function reads one header and says what comes next: a kind of header and where it begins. A
negative kind is a `Status`, negated. Every place is compared with the end before it is read.
"""

from __future__ import annotations

import numpy as np

from habitus.compiled import inlined_kernel, row_kernel
from habitus.packets.bytes_kernels import big16, big32, read32
from habitus.packets.layout import Status

# Kinds of headers.
ETHERNET = 1
ETHERTYPE = 2  # the type is known, and what it announces begins
IP = 3  # of whichever version the first four bits tell
LLC = 4
PPP = 5
MPLS = 6

NOT_IP = -int(Status.NOT_IP)
UNKNOWN = -int(Status.LINK_UNKNOWN)
CUT_OFF = -int(Status.CUT_OFF)
BAD = -int(Status.BAD_LINK)
ENCRYPTED = -int(Status.ENCRYPTED)

IPV4_TYPE, IPV6_TYPE = 0x0800, 0x86DD

# Link types, as IANA's tcpdump registry numbers them.
NULL, ETHERNET_LINK, FDDI_LINK = 0, 1, 10
PPP_LINK, PPP_HDLC_LINK, PPPOE_LINK = 9, 50, 51
RAW_OLD, RAW_OTHER, RAW, RAW_IPV4, RAW_IPV6 = 12, 14, 101, 228, 229
CISCO_HDLC_LINK, LOOP_LINK = 104, 108
WIFI_LINK, PRISM_LINK, RADIOTAP_LINK, AVS_LINK, PPI_LINK = 105, 119, 127, 163, 192
COOKED_LINK, COOKED2_LINK, NFLOG_LINK = 113, 276, 239

NFULA_PAYLOAD = 9


@inlined_kernel
def read_link(data, at, end, link):
    """The first header of a frame: what comes next, where, and its type where one is told."""
    left = end - at
    if link == ETHERNET_LINK:
        return ETHERNET, at, 0
    if link == RAW or link == RAW_OLD or link == RAW_OTHER or link == RAW_IPV4 or link == RAW_IPV6:
        return IP, at, 0
    if link == NULL or link == LOOP_LINK:
        if left < 4:
            return CUT_OFF, at, 0
        family = big32(data, at)
        if family > 0xFFFF:  # by a machine of the other order
            family = read32(data, at, False)
        # AF_INET everywhere; AF_INET6 of Linux, the BSDs, and macOS.
        if family == 2 or family == 10 or family == 24 or family == 28 or family == 30:
            return IP, at + 4, 0
        return NOT_IP, at, family
    if link == COOKED_LINK:
        return (ETHERTYPE, at + 16, big16(data, at + 14)) if left >= 16 else (CUT_OFF, at, 0)
    if link == COOKED2_LINK:
        return (ETHERTYPE, at + 20, big16(data, at)) if left >= 20 else (CUT_OFF, at, 0)
    if link == PPP_LINK or link == PPP_HDLC_LINK:
        # Routers write Cisco HDLC under the same types; no protocol of PPP begins so.
        is_cisco = left >= 2 and (data[at] == 0x0F or data[at] == 0x8F) and data[at + 1] == 0
        if not is_cisco:
            return PPP, at, 0
        link = CISCO_HDLC_LINK
    if link == PPPOE_LINK:
        return ETHERTYPE, at, 0x8864
    if link == CISCO_HDLC_LINK:
        return (ETHERTYPE, at + 4, big16(data, at + 2)) if left >= 4 else (CUT_OFF, at, 0)
    if link == FDDI_LINK:
        return (LLC, at + 13, 0) if left >= 13 else (CUT_OFF, at, 0)
    if link == NFLOG_LINK:
        return read_nflog(data, at, end)
    if link == RADIOTAP_LINK or link == PPI_LINK:
        if left < 8:
            return CUT_OFF, at, 0
        length = np.int64(data[at + 2]) | (np.int64(data[at + 3]) << 8)
        if length < 8:
            return BAD, at, 0
        if left < length:
            return CUT_OFF, at, 0
        if link == PPI_LINK:
            inner = np.int64(data[at + 4]) | (np.int64(data[at + 5]) << 8)
            if inner == ETHERNET_LINK:
                return ETHERNET, at + length, 0
            if inner == NULL:
                return IP, at + length + 4, 0
            if inner != WIFI_LINK:
                return UNKNOWN, at, inner
        return read_wifi(data, at + length, end)
    if link == PRISM_LINK:
        return read_wifi(data, at + 144, end) if left >= 144 else (CUT_OFF, at, 0)
    if link == AVS_LINK:
        if left < 8:
            return CUT_OFF, at, 0
        length = big32(data, at + 4)
        return read_wifi(data, at + length, end) if left >= length else (CUT_OFF, at, 0)
    if link == WIFI_LINK:
        return read_wifi(data, at, end)
    return UNKNOWN, at, link


@row_kernel
def read_wifi(data, at, end):
    """IEEE 802.11: only data frames carry anything, and only unencrypted ones show it."""
    if end - at < 24:
        return CUT_OFF, at, 0
    kind, control = np.int64(data[at]), np.int64(data[at + 1])
    if kind & 0x0C != 0x08 or kind & 0x40:  # management, control; data frames without data
        return NOT_IP, at, 0
    if control & 0x40:
        return ENCRYPTED, at, 0
    header = 24
    if control & 3 == 3:  # between access points: a fourth address
        header += 6
    if kind & 0x80:  # quality of service
        if end - at < header + 2:
            return CUT_OFF, at, 0
        is_aggregate = data[at + header] & 0x80
        header += 2
        if control & 0x80:
            header += 4
        if is_aggregate:  # several frames in one: the first is read
            header += 14
    return (LLC, at + header, 0) if end - at >= header else (CUT_OFF, at, 0)


@row_kernel
def read_nflog(data, at, end):
    """Linux netfilter's log: a family, then attributes, one of which is the packet."""
    if end - at < 4:
        return CUT_OFF, at, 0
    place = at + 4
    while end - place >= 4:
        length = np.int64(data[place]) | (np.int64(data[place + 1]) << 8)
        kind = (np.int64(data[place + 2]) | (np.int64(data[place + 3]) << 8)) & 0x7FFF
        if length < 4:
            return BAD, at, 0
        if kind == NFULA_PAYLOAD:
            return IP, place + 4, 0
        place += length + (-length & 3)
    return NOT_IP, at, 0


@inlined_kernel
def read_ethernet(data, at, end):
    """Ethernet II, or a length and a logical link header."""
    if end - at < 14:
        return CUT_OFF, at, 0
    kind = big16(data, at + 12)
    return (ETHERTYPE, at + 14, kind) if kind >= 0x600 else (LLC, at + 14, kind)


@row_kernel
def read_llc(data, at, end):
    """Logical link control; with a SNAP header it tells an Ethernet type."""
    if end - at < 3:
        return CUT_OFF, at, 0
    if data[at] == 0xAA and data[at + 1] == 0xAA:
        if end - at < 8:
            return CUT_OFF, at, 0
        return ETHERTYPE, at + 8, big16(data, at + 6)
    if data[at] == 0x06 and data[at + 1] == 0x06:  # IP by its old number
        return IP, at + 3, 0
    return NOT_IP, at, 0


@row_kernel
def read_ppp(data, at, end):
    """The point-to-point protocol, with or without its address and control bytes."""
    if end - at >= 2 and data[at] == 0xFF and data[at + 1] == 0x03:
        at += 2
    if end - at < 1:
        return CUT_OFF, at, 0
    if data[at] & 1:  # a protocol of one byte
        protocol, at = np.int64(data[at]), at + 1
    else:
        if end - at < 2:
            return CUT_OFF, at, 0
        protocol, at = big16(data, at), at + 2
    if protocol == 0x21 or protocol == 0x57:
        return IP, at, 0
    if protocol == 0x281 or protocol == 0x283:
        return MPLS, at, 0
    return NOT_IP, at, protocol


@row_kernel
def read_mpls(data, at, end):
    """Labels; what they carry tells itself by its first bits."""
    while end - at >= 4:
        is_last = data[at + 2] & 1
        at += 4
        if is_last:
            if end - at < 1:
                return CUT_OFF, at, 0
            first = data[at] >> 4
            if first == 4 or first == 6:
                return IP, at, 0
            if first == 0 and end - at >= 4:  # a pseudo-wire's control word
                return ETHERNET, at + 4, 0
            return ETHERNET, at, 0
    return CUT_OFF, at, 0


@row_kernel
def read_pppoe(data, at, end):
    """The session stage of PPP over Ethernet."""
    if end - at < 6:
        return CUT_OFF, at, 0
    if data[at] != 0x11 or data[at + 1] != 0:
        return BAD, at, 0
    return PPP, at + 6, 0
