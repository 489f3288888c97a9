"""What the agent shows: its QMF objects, and the events that changes give rise to."""
