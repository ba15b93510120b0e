"""A tiny extractive checkpoint whose marks can be told beforehand.

It marks by the last character alone: what ends in ``!`` goes with its sentence, what ends in ``#``
goes with its clause, what ends in ``~`` goes alone.
"""

import json
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

MARKS = (3, 4, 5, 6)
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<a>", "<b>", "<c>", "<d>"]
REACH = {"~": 1, "#": 2, "!": 3}


def write_extractive(folder: Path, **metadata: object) -> Path:
    """Write the checkpoint, one token a byte, with further metadata."""
    bytes_alone = Tokenizer(models.BPE())
    bytes_alone.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bytes_alone.decoder = decoders.ByteLevel()
    bytes_alone.train_from_iterator(
        [],
        trainers.BpeTrainer(
            special_tokens=SPECIAL,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bytes_alone,
        unk_token="<|endoftext|>",
        bos_token="<|im_start|>",
        eos_token="<|im_end|>",
    )
    tokenizer.save_pretrained(folder)
    _model(tokenizer).save_pretrained(folder)
    told = {"template": "UltraFeedback", "marks": MARKS, **metadata}
    folder.joinpath("metaaligner.json").write_text(json.dumps(told))
    return folder


def _model(tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    """Layers that add nothing, over embeddings with a direction for each reach."""
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=32, num_hidden_layers=1,
        num_attention_heads=2, max_position_embeddings=2048, tie_word_embeddings=True,
        bos_token_id=1, eos_token_id=2, pad_token_id=0,
    )  # fmt: skip
    model = LlamaForCausalLM(config).eval()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "norm" not in name:
                weight.zero_()
        table = model.get_input_embeddings().weight
        table[:, 0] = 1.0
        for character, reach in REACH.items():
            table[tokenizer.convert_tokens_to_ids(character)] = torch.eye(32)[reach]
        for reach, token in enumerate(MARKS):
            table[token] = torch.eye(32)[reach]
    return model
