"""A QMF console on such a connection."""
