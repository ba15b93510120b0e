"""Judges: what they are asked, what their replies say, win rates and ratings."""

from langchain_metaaligner.evaluation.judge.prompts import (
    aspect_text,
    messages,
    parse_score,
    parse_verdict,
    rating_messages,
)

__all__ = ["aspect_text", "messages", "parse_score", "parse_verdict", "rating_messages"]
