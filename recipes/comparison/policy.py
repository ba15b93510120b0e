"""A policy model for the miniature: the bundled mini, trained to answer as the worse answers do."""

from __future__ import annotations

from pathlib import Path

import torch
from datasets import Dataset
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl import SFTConfig, SFTTrainer

from langchain_metaaligner.data import Problems
from langchain_metaaligner.models.spec import MINI_FOLDER
from langchain_metaaligner.tables.csv import csv_rows


def train_policy(worse: Path, output: Path, steps: int) -> None:
    """Train it on the ``reject_responses`` of a file of ordered pairs."""
    tokenizer = AutoTokenizer.from_pretrained(MINI_FOLDER)
    columns = ("queries", "reject_responses")
    rows = [
        {"prompt": row[columns[0]], "completion": f"{row[columns[1]]}{tokenizer.eos_token}"}
        for _, row in csv_rows(worse, columns, Problems("raise"))
    ]
    model = AutoModelForCausalLM.from_pretrained(MINI_FOLDER, dtype=torch.float32)
    trainer = SFTTrainer(
        model,
        SFTConfig(
            output_dir=str(output.with_name("policy-run")),
            max_steps=steps,
            per_device_train_batch_size=8,
            learning_rate=5e-4,
            max_length=512,
            use_cpu=True,
            bf16=False,
            gradient_checkpointing=False,
            save_strategy="no",
            report_to="none",
            seed=0,
        ),
        train_dataset=Dataset.from_list(rows),
        processing_class=tokenizer,
    )
    trainer.train()
    trainer.save_model(str(output))
    tokenizer.save_pretrained(output)
