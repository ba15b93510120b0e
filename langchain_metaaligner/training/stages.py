"""What a run is made of: stages, each with a TRL trainer that is resumed, timed and saved."""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch
from accelerate import PartialState
from peft import LoraConfig, PeftModel
from transformers import Trainer, TrainerCallback

from langchain_metaaligner.errors import RecipeError
from langchain_metaaligner.models.load import read, read_tokenizer
from langchain_metaaligner.models.spec import CheckpointSpec
from langchain_metaaligner.models.tokens import encode_as_sentencepiece
from langchain_metaaligner.tables.whole import write_json
from langchain_metaaligner.training.recipe import Data, Run

FINAL, ADAPTER, RESULT_FILE = "final", "adapter", "result.json"

Loader = Callable[..., Any]
"""Loads a model of some kind: a Hub id or folder, and ``dtype=``."""

_PARTS = (
    ("trainer_state.json",),  # the trainer writes it last
    ("scheduler.pt",),
    ("rng_state*.pth",),
    # One process; accelerate's FSDP, in one file, in a folder of shards, or one a process.
    ("optimizer.pt", "optimizer.bin", "optimizer_*"),
    ("*.safetensors", "pytorch_model*"),
)
"""What a checkpoint needs to be resumed from, each in one of the forms that it may have.

A killed run may leave a part of it. Source of FSDP's names: ``accelerate.utils.fsdp_utils``.
"""


@dataclass(frozen=True)
class StageResult:
    """What a stage came to.

    Attributes:
        name: of the stage; the method, or a reward model's objective, where there are no stages.
        examples: how many it saw in an epoch.
        too_long: how many were left out.
        steps: steps of the optimizer.
        loss: mean training loss of the last log line; of all steps where they are too few for one.
        eval_loss: loss on the evaluation data at the end, if there is any.
        seconds: time in training, that of resumed attempts up to their last checkpoint included.
        processes: how many trained, with one device each.
        device: ``"cuda"`` or ``"cpu"``.
        log: every line of the training log.
    """

    name: str
    examples: int
    too_long: int
    steps: int
    loss: float
    eval_loss: float | None
    seconds: float
    processes: int
    device: str
    log: list[dict[str, float]]


class Prepared(NamedTuple):
    """A trainer that is ready to go.

    Attributes:
        trainer: of TRL.
        examples: how many it sees in an epoch.
        too_long: how many were left out.
    """

    trainer: Trainer
    examples: int
    too_long: int


def run_stage(
    name: str,
    recipe: Run,
    source: str,
    folder: Path,
    prepare: Callable[[], Prepared],
    load: Loader,
) -> StageResult:
    """Train, evaluate and save, unless that is done; a stopped stage goes on.

    Every process calls this. The result of a finished stage is read from its folder.

    Args:
        name: of the stage.
        recipe: of the run.
        source: the model that the stage starts from.
        folder: of its checkpoints and its result.
        prepare: makes the trainer.
        load: loads such models.

    Raises:
        RecipeError: if the result in the folder cannot be read.
    """
    path = folder / RESULT_FILE
    if not path.exists():
        prepared = prepare()
        result = _fit(name, folder, prepared)
        _save(prepared.trainer, recipe, source, folder, load)
        if prepared.trainer.accelerator.is_main_process:
            write_json(path, asdict(result))
        prepared.trainer.accelerator.wait_for_everyone()
    return StageResult(**read_json(path))


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file of a run.

    Raises:
        RecipeError: if it is none, such as a file that was edited by hand.
    """
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise RecipeError(
            f"{path} is no JSON ({error}). Delete it to repeat what it stands for, or give another "
            "output=DIR."
        ) from error
    return content


def _fit(name: str, folder: Path, prepared: Prepared) -> StageResult:
    trainer = prepared.trainer
    trainer.add_callback(_Clock())
    last = last_checkpoint(folder)
    trainer.train(resume_from_checkpoint=str(last) if last else None)
    evaluated = trainer.evaluate() if trainer.eval_dataset is not None else {}
    log = trainer.state.log_history
    losses = [entry[key] for key in ("train_loss", "loss") for entry in log if key in entry]
    return StageResult(
        name,
        prepared.examples,
        prepared.too_long,
        trainer.state.global_step,
        float(losses[-1]) if losses else math.nan,
        evaluated.get("eval_loss"),
        log[-1]["seconds"],
        trainer.accelerator.num_processes,
        trainer.accelerator.device.type,
        log,
    )


def _save(trainer: Trainer, recipe: Run, source: str, folder: Path, load: Loader) -> None:
    """Write a stage's model as a plain checkpoint; a LoRA adapter is kept beside it."""
    final, adapter = folder / FINAL, folder / ADAPTER
    trainer.save_model(str(adapter if recipe.lora else final))
    if not trainer.accelerator.is_main_process:
        return
    if recipe.lora:
        base = load(source, dtype=torch.float32)
        merged = PeftModel.from_pretrained(base, str(adapter)).merge_and_unload()
        tokenizer: Any = trainer.processing_class
        merged.config.pad_token_id = tokenizer.pad_token_id
        merged.save_pretrained(final)
    # As it was: training needs a tokenizer with padding and, for Llama, a patched word mark.
    read_tokenizer(source, {}).save_pretrained(final)


class _Clock(TrainerCallback):
    """Writes the seconds since the start into each line of the log, which checkpoints keep."""

    def on_train_begin(self, args: Any, state: Any, control: Any, **others: Any) -> None:
        before = state.log_history[-1]["seconds"] if state.log_history else 0.0
        self._start = time.monotonic() - before

    def on_log(self, args: Any, state: Any, control: Any, **others: Any) -> None:
        state.log_history[-1]["seconds"] = round(time.monotonic() - self._start, 3)


def last_checkpoint(folder: Path) -> Path | None:
    """The latest checkpoint that is whole, or None; that of one process, of several, or of FSDP."""
    whole = {
        int(match[1]): path
        for path in folder.glob("checkpoint-*")
        if (match := re.fullmatch(r"checkpoint-(\d+)", path.name))
        and all(any(any(path.glob(form)) for form in forms) for forms in _PARTS)
    }
    return whole[max(whole)] if whole else None


def processes_of(recipe: Run) -> PartialState:
    """The processes of this run, each with its device."""
    return PartialState(cpu=on_cpu(recipe))


def on_cpu(recipe: Run) -> bool:
    """Whether a run trains on the CPU."""
    return recipe.cpu or not torch.cuda.is_available()


def trainable(source: str) -> tuple[Any, Any]:
    """A decoder in full precision, ready to be trained, and its tokenizer.

    Args:
        source: a Hub id or a folder.

    Raises:
        CheckpointError: if it cannot be read.
        RecipeError: if its tokenizer cannot be used.
    """
    spec = CheckpointSpec(model=source, device="cpu", dtype="float32").resolved()
    model, tokenizer = read(spec)
    make_ready(tokenizer, source)
    return model.train(), tokenizer


def make_ready(tokenizer: Any, base: str) -> None:
    """Make a tokenizer fit for training: as inference uses it, with a token for padding.

    Args:
        tokenizer: is changed in place.
        base: what the error calls the model.

    Raises:
        RecipeError: if it has no end of sequence.
    """
    if tokenizer.eos_token is None:
        raise RecipeError(
            f"The tokenizer of {base!r} has no end-of-sequence token, so that no answer could end, "
            "and nothing to pad with. Set eos_token in its tokenizer_config.json."
        )
    encode_as_sentencepiece(tokenizer)
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.unk_token or tokenizer.eos_token


def lora_config(recipe: Run, task: Literal["CAUSAL_LM", "SEQ_CLS"]) -> LoraConfig | None:
    """PEFT's form of the recipe's ``lora``; the head of a classifier is trained as a whole."""
    if recipe.lora is None:
        return None
    targets = recipe.lora.targets
    return LoraConfig(
        r=recipe.lora.rank,
        lora_alpha=recipe.lora.alpha,
        lora_dropout=recipe.lora.dropout,
        target_modules=targets if isinstance(targets, str) else list(targets),
        modules_to_save=["score"] if task == "SEQ_CLS" else None,
        task_type=task,
    )


def arguments(recipe: Run, data: Data, folder: Path) -> dict[str, Any]:
    """The settings that TRL's configs of all methods have in common."""
    evaluation = {"eval_strategy": "steps", "eval_steps": recipe.eval_steps} if data.eval else {}
    return {
        "output_dir": str(folder),
        "num_train_epochs": data.epochs,
        "max_steps": data.max_steps or -1,
        "per_device_train_batch_size": recipe.batch_size,
        "per_device_eval_batch_size": recipe.batch_size,
        "gradient_accumulation_steps": recipe.accumulation,
        "activation_checkpointing": recipe.gradient_checkpointing,
        "learning_rate": recipe.learning_rate,
        "weight_decay": recipe.weight_decay,
        "adam_beta2": recipe.adam_beta2,
        "max_grad_norm": recipe.max_grad_norm,
        "warmup_steps": recipe.warm_up_ratio,
        "lr_scheduler_type": recipe.schedule,
        "bf16": recipe.precision == "bf16",
        "tf32": None if on_cpu(recipe) else True,
        "use_cpu": on_cpu(recipe),
        "torch_compile": recipe.compile,
        "logging_steps": recipe.log_steps,
        "save_steps": recipe.save_steps,
        "save_total_limit": recipe.keep_checkpoints,
        "seed": recipe.seed,
        "report_to": "none",
        "ddp_find_unused_parameters": False,
        **evaluation,
    }
