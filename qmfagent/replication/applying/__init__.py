"""Plans for this site and their writes: exactly one plan, in one write, or nothing."""
