"""What a cluster would do: previews of plans, drills, and why something would not run."""
