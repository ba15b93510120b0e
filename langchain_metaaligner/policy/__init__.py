"""Policies: what an aligner does for whom, in one YAML file.

`MetaAlignerRunnable.from_policy` and `MetaAlignerMiddleware.from_policy` read it.
"""

from langchain_metaaligner.policy.aligner import PolicyAligner
from langchain_metaaligner.policy.document import PolicyDocument, json_schema, read_policy

__all__ = ["PolicyAligner", "PolicyDocument", "json_schema", "read_policy"]
