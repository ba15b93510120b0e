"""Systems side by side: wins, rewards, seconds of training, Pareto plots."""

from langchain_metaaligner.evaluation.compare.systems import compare, training_seconds

__all__ = ["compare", "training_seconds"]
