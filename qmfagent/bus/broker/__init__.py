"""The agent at a broker."""
