"""What runs, as code: the difference between files and the ledger's newest release, and what takes it there."""

from hub.deploy.environment import from_outside, read_environment
from hub.deploy.pull import pull
from hub.deploy.release import Deployer, Plan
from hub.deploy.running import Follower, Running

__all__ = ["Deployer", "Follower", "Plan", "Running", "from_outside", "pull", "read_environment"]
