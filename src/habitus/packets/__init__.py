"""From captures to packets in columns: records, links, tunnels, addresses, ports and lengths."""
