"""What would change: differences, plans, drift, and how they are shown."""
