"""连枢 Lianshu: the integration hub. See README.md for the straight line through its rooms."""

__version__ = "0.1.0"
