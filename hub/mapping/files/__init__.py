"""Mapping, flow and table files as people write them: YAML with places, their shape, the schemas editors use."""
