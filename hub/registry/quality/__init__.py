"""The quality scale: bronze, silver, gold; what a machine can see is seen, the rest stands in quality.yaml."""

from hub.registry.quality.folder import Folder, Gap, open_folder
from hub.registry.quality.scale import Finding, Level, Report, Rule, State, examine, unloadable
from hub.registry.quality.sizes import Size, measure

__all__ = [
    "Finding",
    "Folder",
    "Gap",
    "Level",
    "Report",
    "Rule",
    "Size",
    "State",
    "examine",
    "measure",
    "open_folder",
    "unloadable",
]
