"""A connection to a listener or broker that keeps itself up."""
