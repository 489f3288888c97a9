"""What a site does by itself with other sites' tickets: when to apply, drift, holds."""
