"""Replication: the holder publishes, every other site plans and applies. Reaches the outside through ports alone."""
