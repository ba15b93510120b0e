"""The tiny checkpoints, as fixtures."""

from tiny_checkpoints import *  # noqa: F403
