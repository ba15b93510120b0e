"""The IMHI benchmark: labels, likeness of explanations, and what people said of them."""

from langchain_metaaligner.evaluation.imhi.labels import (
    golden_label,
    golden_rule_label,
    predicted_label,
    rule_label,
)

__all__ = ["golden_label", "golden_rule_label", "predicted_label", "rule_label"]
