"""The language models that edit."""
