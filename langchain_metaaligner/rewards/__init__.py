"""Reward models as scorers of answers."""
