"""Weak-to-strong pairs made by degrading real answers: what the bundled aligner is trained on.

For every objective there is a family of flaws. A sound answer is degraded by some of them; the
edit for some objectives takes back their flaws and leaves all else alone, byte for byte.
"""

from langchain_metaaligner.data.synthetic.building import build_synthetic
from langchain_metaaligner.data.synthetic.families import BREADTH, FAMILIES, FIRST_TIER
from langchain_metaaligner.data.synthetic.pairs import SyntheticPair, synthetic_pairs
from langchain_metaaligner.data.synthetic.sentences import Corpus
from langchain_metaaligner.data.synthetic.texts import Text, read_texts

__all__ = [
    "BREADTH",
    "FAMILIES",
    "FIRST_TIER",
    "Corpus",
    "SyntheticPair",
    "Text",
    "build_synthetic",
    "read_texts",
    "synthetic_pairs",
]
