"""What the data of a source looks like, learned from what came in; how it changed, and what a mapping reads of it."""
