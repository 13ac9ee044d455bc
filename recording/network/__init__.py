"""Two network namespaces, servers in one, people and intruders in the other. See README.md."""
