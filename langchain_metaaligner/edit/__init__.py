"""The way of one answer: read it, plan the edit, ask the model, check and settle, write it back."""
