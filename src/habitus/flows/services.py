"""Which service a flow probably is, by its port alone: a guess, and told as one.

Source: IANA, "Service Name and Transport Protocol Port Number Registry", and habit where many use
a port that is another's there.
"""

from __future__ import annotations

from habitus.packets.ip_kernels import TCP, UDP

_BOTH = {
    53: "dns", 88: "kerberos", 111: "rpcbind", 123: "ntp", 161: "snmp", 162: "snmp-trap",
    389: "ldap", 443: "https", 500: "ike", 514: "syslog", 636: "ldaps", 853: "dns-over-tls",
    1194: "openvpn", 1812: "radius", 1813: "radius", 2049: "nfs", 3389: "rdp", 3478: "stun",
    4500: "ipsec", 5060: "sip", 5061: "sips", 5683: "coap", 11211: "memcached", 51820: "wireguard",
}  # fmt: skip
_TCP = {
    20: "ftp-data", 21: "ftp", 22: "ssh", 23: "telnet", 25: "smtp", 43: "whois", 79: "finger",
    80: "http", 102: "iso-tsap", 110: "pop3", 113: "ident", 119: "nntp", 135: "msrpc",
    139: "netbios", 143: "imap", 179: "bgp", 445: "smb", 465: "smtps", 502: "modbus",
    512: "rexec", 513: "rlogin", 515: "printer", 548: "afp", 554: "rtsp", 587: "submission",
    873: "rsync", 902: "vmware", 990: "ftps", 993: "imaps", 995: "pop3s", 1080: "socks",
    1433: "mssql", 1521: "oracle", 1723: "pptp", 1883: "mqtt", 2375: "docker", 2376: "docker",
    3128: "proxy", 3306: "mysql", 5222: "xmpp", 5432: "postgresql",
    5672: "amqp", 5900: "vnc", 5985: "winrm", 6379: "redis", 6443: "kubernetes", 6667: "irc",
    8000: "http", 8008: "http", 8080: "http", 8081: "http", 8443: "https", 8883: "mqtts",
    8888: "http", 9042: "cassandra", 9092: "kafka", 9200: "elasticsearch",
    10250: "kubernetes", 20000: "dnp3", 27017: "mongodb",
}  # fmt: skip
_UDP = {
    67: "dhcp", 68: "dhcp", 69: "tftp", 137: "netbios", 138: "netbios", 520: "rip", 546: "dhcpv6",
    547: "dhcpv6", 1701: "l2tp", 1900: "ssdp", 3702: "ws-discovery", 4789: "vxlan", 5353: "mdns",
    5355: "llmnr", 6081: "geneve", 6343: "sflow", 17500: "dropbox", 47808: "bacnet",
}  # fmt: skip
_OF = {TCP: _BOTH | _TCP, UDP: _BOTH | _UDP}


def service_guess(
    protocol: int | None, destination_port: int | None, source_port: int | None
) -> str | None:
    """The service that usually listens on a flow's destination port, or else on its source port.

    The latter is that of a flow of which the answer was seen first.

    Returns:
        None where nothing is known of either, or the protocol has no ports.
    """
    known = _OF.get(protocol or 0, {})
    return known.get(destination_port or 0) or known.get(source_port or 0)
