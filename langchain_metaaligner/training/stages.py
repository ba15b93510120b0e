"""One stage of aligner training over TRL's ``SFTTrainer``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig
from trl import SFTConfig, SFTTrainer

from langchain_metaaligner.models.reading import encode_as_sentencepiece, read
from langchain_metaaligner.models.source import CheckpointSpec
from langchain_metaaligner.training.examples import read_pairs, tokenise
from langchain_metaaligner.training.recipe import Recipe, Stage

#: What a checkpoint needs to be resumed from; a killed run may leave a part of it.
_PARTS = ("trainer_state.json", "optimizer.pt", "scheduler.pt", "rng_state*.pth")


@dataclass(frozen=True)
class StageResult:
    """What a stage came to.

    Attributes:
        name: of the stage.
        examples: how many it saw in an epoch.
        too_long: how many were left out.
        steps: steps of the optimizer.
        loss: mean training loss of the last log line.
        eval_loss: loss on the evaluation data at the end, if there is any.
        log: every line of the training log.
    """

    name: str
    examples: int
    too_long: int
    steps: int
    loss: float
    eval_loss: float | None
    log: list[dict[str, float]]


def run_stage(
    name: str, stage: Stage, recipe: Recipe, source: str, folder: Path
) -> tuple[SFTTrainer, StageResult]:
    """Train one stage from ``source``, or from the last whole checkpoint in ``folder``.

    Returns:
        The trainer with the trained model, and the result.

    Raises:
        RecipeError: if the examples cannot be used.
        CheckpointError: if the model cannot be loaded.
    """
    spec = CheckpointSpec(model=source, device="cpu", dtype="float32").resolved()
    model, tokenizer = read(spec)
    encode_as_sentencepiece(tokenizer)
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.unk_token or tokenizer.eos_token
    train = tokenise(read_pairs(stage.train), tokenizer, recipe.max_length)
    held = stage.eval and tokenise(read_pairs(stage.eval), tokenizer, recipe.max_length)
    trainer = SFTTrainer(
        model=model.train(),
        args=_arguments(stage, recipe, folder, evaluates=held is not None),
        train_dataset=train.rows,
        eval_dataset=held.rows if held else None,
        processing_class=tokenizer,
        peft_config=_lora(recipe),
    )
    last = last_checkpoint(folder)
    trainer.train(resume_from_checkpoint=str(last) if last else None)
    eval_loss = trainer.evaluate()["eval_loss"] if held else None
    log = trainer.state.log_history
    losses = [entry["loss"] for entry in log if "loss" in entry]
    result = StageResult(
        name,
        len(train.rows),
        train.too_long,
        trainer.state.global_step,
        float(losses[-1]) if losses else float("nan"),
        eval_loss,
        log,
    )
    return trainer, result


def last_checkpoint(folder: Path) -> Path | None:
    """The latest checkpoint that is whole, or None."""
    found = {
        int(match[1]): path
        for path in folder.glob("checkpoint-*")
        if (match := re.fullmatch(r"checkpoint-(\d+)", path.name))
        and all(any(path.glob(part)) for part in _PARTS)
        and any(path.glob("*.safetensors"))
    }
    return found[max(found)] if found else None


def _lora(recipe: Recipe) -> LoraConfig | None:
    if recipe.lora is None:
        return None
    targets = recipe.lora.targets
    return LoraConfig(
        r=recipe.lora.rank,
        lora_alpha=recipe.lora.alpha,
        lora_dropout=recipe.lora.dropout,
        target_modules=targets if isinstance(targets, str) else list(targets),
        task_type="CAUSAL_LM",
    )


def _arguments(stage: Stage, recipe: Recipe, folder: Path, *, evaluates: bool) -> SFTConfig:
    on_cpu = recipe.cpu or not torch.cuda.is_available()
    options: dict[str, Any] = {}
    if recipe.group_by_length:
        options["train_sampling_strategy"] = "group_by_length"
    if evaluates:
        options.update(eval_strategy="steps", eval_steps=recipe.eval_steps)
    return SFTConfig(
        output_dir=str(folder),
        max_length=recipe.max_length,
        completion_only_loss=True,
        packing=recipe.packing,
        num_train_epochs=stage.epochs,
        max_steps=stage.max_steps or -1,
        per_device_train_batch_size=recipe.batch_size,
        per_device_eval_batch_size=recipe.batch_size,
        gradient_accumulation_steps=recipe.accumulation,
        activation_checkpointing=recipe.gradient_checkpointing,
        learning_rate=stage.learning_rate or recipe.learning_rate,
        weight_decay=recipe.weight_decay,
        warmup_steps=recipe.warm_up_ratio,
        lr_scheduler_type=recipe.schedule,
        bf16=recipe.precision == "bf16",
        tf32=None if on_cpu else True,
        use_cpu=on_cpu,
        torch_compile=recipe.compile,
        logging_steps=recipe.log_steps,
        save_steps=recipe.save_steps,
        save_total_limit=recipe.keep_checkpoints,
        seed=recipe.seed,
        report_to="none",
        ddp_find_unused_parameters=False,
        dataset_num_proc=None,
        **options,
    )
