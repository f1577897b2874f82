"""How source streams look, learned from what came in; and what happens when they look otherwise."""

from hub.drift.guard import Guard
from hub.drift.learn import Learner
from hub.drift.reading import Reading
from hub.drift.release import Release, release, unknown

__all__ = ["Guard", "Learner", "Reading", "Release", "release", "unknown"]
