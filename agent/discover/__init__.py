"""Discovery: what stands behind an address, by standards, by profiles, and by reading the unknown."""
