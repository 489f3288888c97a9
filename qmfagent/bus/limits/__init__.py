"""How much a peer may take, and what is refused."""
