"""The other sites' agents, as this one sees them."""
