"""The trainers of an aligner and of reward-conditioned SFT: data, rates, and the weighted loss."""

import pytest
import torch
from torch.nn.functional import cross_entropy

from langchain_metaaligner.training.sft import DepartureTrainer, prepare_aligner, prepare_sft


def test_the_loss_is_on_the_answers_alone(make_recipe, dialogues, tmp_path, base):
    recipe = make_recipe("sft", f"train={dialogues}", f"eval={dialogues}")
    trainer, examples, too_long = prepare_sft(recipe, recipe, base, tmp_path / "run")
    assert (examples, too_long) == (4, 0)
    rows = [trainer.train_dataset[at] for at in range(4)]
    batch = trainer.data_collator(rows)
    tokenizer = trainer.processing_class
    learned = [tokenizer.decode(line[line != -100]) for line in batch["labels"]]
    assert learned == [
        f"{answer}{tokenizer.eos_token}"
        for answer in ("Keep it dry.", "Ask me again.", "Wherever.", "No.")
    ]


def test_what_is_too_long_is_counted(make_recipe, dialogues, tmp_path, base):
    whole = make_recipe("sft", f"train={dialogues}", "eval=null")
    lengths = sorted(
        map(len, prepare_sft(whole, whole, base, tmp_path / "a")[0].train_dataset["input_ids"])
    )
    assert lengths[0] < lengths[-1]
    short = make_recipe("sft", f"train={dialogues}", "eval=null", f"max_length={lengths[-1] - 1}")
    _, examples, too_long = prepare_sft(short, short, base, tmp_path / "b")
    assert too_long == lengths.count(lengths[-1])
    assert examples == 4 - too_long


def test_a_stage_may_have_a_rate_of_its_own(make_recipe, dialogues, tmp_path, base):
    stages = f"stages={{equal: {{train: {dialogues}, learning_rate: 0.25, max_steps: 1}}}}"
    recipe = make_recipe("full", stages)
    trainer, _, _ = prepare_aligner(recipe, recipe.stages["equal"], base, tmp_path / "run")
    assert trainer.args.learning_rate == 0.25
    assert recipe.learning_rate != 0.25


def test_departing_tokens_weigh_what_their_rows_say(make_recipe, dialogues, tmp_path, base):
    """Against the mean written out token by token, over rows of different lengths."""
    stages = f"stages={{equal: {{train: {dialogues}, max_steps: 1}}}}"
    recipe = make_recipe("full", stages, "departure_weight=5")
    trainer, _, _ = prepare_aligner(recipe, recipe.stages["equal"], base, tmp_path / "run")
    assert isinstance(trainer, DepartureTrainer)
    rows = [trainer.train_dataset[at] for at in range(3)]
    batch = trainer.data_collator(rows)
    for row, labels in zip(rows, batch["labels"].tolist(), strict=True):
        answer = [at for at, label in enumerate(labels) if label != -100]
        row["weights"] = [
            0.5 + at - answer[0] if at in answer else 0.0 for at in range(len(labels))
        ]
    batch = trainer.data_collator(rows)
    model = trainer.model.eval()
    losses = []
    for row, labels in zip(rows, batch["labels"].tolist(), strict=True):
        ids = torch.tensor([row["input_ids"]])
        with torch.no_grad():
            logits = model(input_ids=ids).logits[0]
        losses += [
            row["weights"][at] * cross_entropy(logits[at - 1], ids[0, at]).item()
            for at, label in enumerate(labels)
            if label != -100
        ]
    with torch.no_grad():
        loss = trainer.compute_loss(model, batch)
    assert loss.item() == pytest.approx(sum(losses) / len(losses), rel=1e-4)
