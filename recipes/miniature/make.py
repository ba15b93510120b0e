"""Makes what the miniatures are trained on, in a second: bases without knowledge, and a few pairs.

    python recipes/miniature/make.py
    metaaligner train recipes/miniature/full.yaml

The folder ``build`` then holds what the recipes beside this file name: two tiny models (``tiny``,
``tiny-gpt2``) and their data (``tiny-data``). All recipes run on a CPU in seconds; MORLHF needs
the reward models of ``reward-model.yaml`` first. A model so trained knows nothing: it shows the
machinery.
"""

import argparse
import csv
import json
from collections.abc import Sequence
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
)

from langchain_metaaligner.data import build_hh_rlhf
from langchain_metaaligner.data.hh_rlhf import COLUMNS

THINGS = ("bread", "tea", "a bicycle", "the garden", "a letter", "rice", "the window", "a coat")
REWARDS = "<Harmlessness>: {}; <Helpfulness>: 0.5; <Humour>: 1.0 | "
TARGET = "<Harmlessness>: 4.19; <Helpfulness>: 3.03; <Humour>: 1.58 | "


def question(number: int) -> str:
    return f"\n\nHuman: How do I keep {THINGS[number % 8]}, number {number}? \n\nAssistant:"


def good(number: int) -> str:
    return f"Keep {THINGS[number % 8]} dry. Ask me for more."


def bad(number: int) -> str:
    return f"Keep {THINGS[number % 8]} wherever."


def make_data(folder: Path) -> None:
    """The pairs of an aligner, and the data of SFT, CDPO, reward models and MORLHF."""
    scores = [(1, 0, i % 2, i % 2, i % 3, 1) for i in range(64)]
    scored = [(question(i), good(i), bad(i), *scores[i]) for i in range(64)]
    write_csv(folder / "scored.csv", COLUMNS, scored)
    build_hh_rlhf(folder / "scored.csv", folder, seed=0, warm_up=0.5)

    turns = [
        (REWARDS.format(score) + question(i), answer(i))
        for i in range(24)
        for score, answer in ((1.2, good), (-0.4, bad))
    ]
    write_turns(folder / "sft" / "train.json", turns[8:])
    write_turns(folder / "sft" / "val.json", turns[:8])

    columns = ("queries", "chosen_responses", "reject_responses")
    ordered = [(question(i), good(i), bad(i)) for i in range(24)]
    aimed = [(TARGET + asked, chosen, rejected) for asked, chosen, rejected in ordered]
    humorous = [(asked, rejected, chosen) for asked, chosen, rejected in ordered]
    write_csv(folder / "cdpo" / "train.csv", columns, aimed[4:])
    write_csv(folder / "cdpo" / "val.csv", columns, aimed[:4])
    write_csv(folder / "reward-model" / "harmless_train.csv", columns, ordered[4:])
    write_csv(folder / "reward-model" / "harmless_val.csv", columns, ordered[:4])
    write_csv(folder / "reward-model" / "humour_train.csv", columns, humorous)
    write_csv(folder / "train.csv", ("prompt",), [(asked,) for asked, _, _ in ordered])


def write_csv(path: Path, heading: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([heading, *rows])


def write_turns(path: Path, turns: Sequence[tuple[str, str]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    items = [
        {"id": i, "conversations": [{"from": "human", "value": q}, {"from": "gpt", "value": a}]}
        for i, (q, a) in enumerate(turns)
    ]
    path.write_text(json.dumps(items), encoding="utf-8")


def make_tokenizer(texts: Path) -> Tokenizer:
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=["<unk>", "<s>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    made.train_from_iterator([texts.read_text(encoding="utf-8")], trainer)
    return made


def make_bases(llama: Path, gpt2: Path, texts: Path) -> None:
    """A Llama for aligners and policies, a GPT-2 for reward models."""
    torch.manual_seed(0)
    tokens = make_tokenizer(texts)
    size = tokens.get_vocab_size()
    tokens.post_processor = processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", 1)]
    )
    PreTrainedTokenizerFast(
        tokenizer_object=tokens, unk_token="<unk>", bos_token="<s>", eos_token="</s>"
    ).save_pretrained(llama)
    LlamaForCausalLM(
        LlamaConfig(
            vocab_size=size, hidden_size=32, intermediate_size=64, num_hidden_layers=2,
            num_attention_heads=2, max_position_embeddings=1024, bos_token_id=1, eos_token_id=2,
        )
    ).save_pretrained(llama)  # fmt: skip

    tokens = make_tokenizer(texts)
    tokens.post_processor = processors.ByteLevel(trim_offsets=False)
    end = {"bos_token": "</s>", "eos_token": "</s>", "unk_token": "</s>"}
    PreTrainedTokenizerFast(tokenizer_object=tokens, **end).save_pretrained(gpt2)
    GPT2LMHeadModel(
        GPT2Config(
            vocab_size=size, n_embd=32, n_layer=2, n_head=2, n_positions=1024,
            bos_token_id=2, eos_token_id=2,
        )
    ).save_pretrained(gpt2)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=Path("build"), help="default: build")
    output = parser.parse_args().output
    make_data(output / "tiny-data")
    make_bases(output / "tiny", output / "tiny-gpt2", output / "tiny-data" / "scored.csv")
    print(f"{output}: tiny, tiny-gpt2 and tiny-data")


if __name__ == "__main__":
    main()
