"""From packets to bidirectional flows and their features."""
