"""Words and states of the hub. Imports nothing but the standard library, does no I/O."""
