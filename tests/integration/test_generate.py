"""``metaaligner generate`` with every kind of checkpoint that policy models come as."""

import json
import os
import signal
import subprocess
import sys
import time

import pandas
import pytest
import torch
from peft import LoraConfig, get_peft_model
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import (
    BartConfig,
    BartForConditionalGeneration,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
    T5Config,
    T5ForConditionalGeneration,
)

from langchain_metaaligner.files.answering import generate_answers
from langchain_metaaligner.models.aligner import AlignerLLM
from langchain_metaaligner.models.policy import EncoderDecoderLLM, load_policy
from langchain_metaaligner.testing import FakeAlignerLLM

WORDS = ["<s>", "<pad>", "</s>", "<unk>", "consider", "this", "post"]
WORDS += ["question", "does", "the", "poster"]


def save_tokenizer(folder):
    backend = Tokenizer(models.WordLevel({w: at for at, w in enumerate(WORDS)}, unk_token="<unk>"))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    backend.post_processor = processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", 0)]
    )
    PreTrainedTokenizerFast(
        tokenizer_object=backend, bos_token="<s>", eos_token="</s>", pad_token="<pad>",
        unk_token="<unk>", model_max_length=64,
    ).save_pretrained(folder)  # fmt: skip


TOKENS = {"pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2}


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    root = tmp_path_factory.mktemp("policies")
    torch.manual_seed(0)
    llama = LlamaConfig(
        vocab_size=len(WORDS), hidden_size=16, intermediate_size=16, num_hidden_layers=1,
        num_attention_heads=2, max_position_embeddings=64, **TOKENS,
    )  # fmt: skip
    LlamaForCausalLM(llama).save_pretrained(root / "llama")
    base = LlamaForCausalLM.from_pretrained(root / "llama")
    adapter = get_peft_model(base, LoraConfig(r=2, target_modules=["q_proj", "v_proj"]))
    for name, weight in adapter.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight)
    adapter.save_pretrained(root / "lora")
    bart = BartConfig(
        vocab_size=len(WORDS), d_model=16, encoder_layers=1, decoder_layers=1,
        encoder_attention_heads=2, decoder_attention_heads=2, encoder_ffn_dim=16,
        decoder_ffn_dim=16, max_position_embeddings=64, decoder_start_token_id=2,
        forced_eos_token_id=2, **TOKENS,
    )  # fmt: skip
    model = BartForConditionalGeneration(bart)
    model.final_logits_bias[0, :4] = -1e4  # words only
    model.save_pretrained(root / "bart")
    t5 = T5Config(
        vocab_size=len(WORDS), d_model=16, d_kv=8, d_ff=16, num_layers=1, num_heads=2,
        decoder_start_token_id=1, tie_word_embeddings=False, **TOKENS,
    )  # fmt: skip
    model = T5ForConditionalGeneration(t5)
    with torch.no_grad():
        torch.nn.init.normal_(model.lm_head.weight)
        model.lm_head.weight[:4] = 0.0
    model.save_pretrained(root / "t5")
    for name in ("llama", "bart", "t5"):
        save_tokenizer(root / name)
    return root


@pytest.fixture
def queries(tmp_path):
    folder = tmp_path / "test_instruction"
    folder.mkdir()
    for name in ("DR", "SAD"):
        rows = {
            "query": [f"consider this post {'question ' * n}" for n in range(5)],
            "gpt-3.5-turbo": [f"golden {n}" for n in range(5)],
        }
        pandas.DataFrame(rows).to_csv(folder / f"{name}.csv", index=False)
    return folder


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("llama", AlignerLLM),
        ("lora", AlignerLLM),
        ("bart", EncoderDecoderLLM),
        ("t5", EncoderDecoderLLM),
    ],
)
def test_every_kind_answers_in_batches_as_alone(checkpoints, name, kind):
    base = str(checkpoints / "llama") if name == "lora" else None
    llm = load_policy(str(checkpoints / name), device="cpu", max_new_tokens=8, base=base)
    assert type(llm) is kind
    prompts = ["consider this", "the poster does question this post", "post"]
    together = llm.batch(prompts)
    assert together == [llm.invoke(prompt) for prompt in prompts]
    assert any(together)


def test_an_adapter_changes_its_base(checkpoints):
    plain = load_policy(str(checkpoints / "llama"), device="cpu", max_new_tokens=8)
    adapted = load_policy(
        str(checkpoints / "lora"), device="cpu", max_new_tokens=8, base=str(checkpoints / "llama")
    )
    prompts = ["consider this", "the poster does", "post question", "this"]
    assert plain.batch(prompts) != adapted.batch(prompts)


def command(*words):
    return [sys.executable, "-m", "langchain_metaaligner", "generate", *map(str, words)]


def test_the_command_writes_a_file_a_data_set(checkpoints, queries, tmp_path):
    words = (
        "--dataset", "imhi", "--input", queries, "--output", tmp_path / "out",
        "--model", checkpoints / "llama", "--device", "cpu", "--max-new-tokens", "6",
    )  # fmt: skip
    told = subprocess.run(command(*words), capture_output=True, text=True, timeout=120)
    assert told.returncode == 0, told.stderr
    assert "10 answered" in told.stderr
    frame = pandas.read_csv(tmp_path / "out" / "DR.csv")
    assert list(frame.columns) == ["query", "goldens", "generated_text"]
    assert list(frame["goldens"]) == [f"golden {n}" for n in range(5)]


def test_research_columns(queries, tmp_path):
    llm = FakeAlignerLLM(lambda prompt: "a \\ b")
    generate_answers(
        "expert", queries, tmp_path / "o", llm, llm_name="fake", research_compat=True, limit=2
    )
    text = (tmp_path / "o" / "SAD.csv").read_text()
    assert text == "goldens,generated_text\ngolden 0,a \\\\ b\ngolden 1,a \\\\ b\n"


def test_rows_that_fail_are_counted_and_tried_again(tmp_path):
    source = tmp_path / "test.csv"
    pandas.DataFrame(
        {"prompt": ["\n\nHuman: a \n\nAssistant:", "", "\n\nHuman: b \n\nAssistant:"],
         "chosen_response": "golden"}
    ).to_csv(source, index=False)  # fmt: skip
    down = True

    def server(prompt):
        if down and "b" in prompt:
            raise ConnectionError("gone")
        return "fine"

    def run():
        llm = FakeAlignerLLM(server)
        return generate_answers(
            "hh-rlhf", source, tmp_path / "o.csv", llm, llm_name="fake", tries=1
        )

    report = run()
    assert (report.answered, report.empty, dict(report.errors)) == (1, 1, {"ConnectionError": 1})
    down = False
    report = run()
    assert (report.answered, report.reused, report.empty) == (2, 1, 1)
    frame = pandas.read_csv(tmp_path / "o.csv", keep_default_na=False)
    assert list(frame["generated_text"]) == ["fine", "", "fine"]


def test_killed_it_goes_on_to_the_same_file(queries, tmp_path):
    words = ("--dataset", "imhi", "--input", queries, "--model", "mini", "--device", "cpu",
             "--max-new-tokens", "30", "--concurrency", "1")  # fmt: skip
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        command(*words, "--output", tmp_path / "out"), env=env, stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    ledger = tmp_path / "out" / "generate.ledger.jsonl"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        if ledger.exists() and len(ledger.read_text().splitlines()) >= 2:
            break
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    for name in ("out", "whole"):
        subprocess.run(command(*words, "--output", tmp_path / name), env=env, check=True,
                       capture_output=True, timeout=120)  # fmt: skip
    for name in ("DR.csv", "SAD.csv"):
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    keys = [json.loads(line)["key"] for line in ledger.read_text().splitlines()]
    assert len(keys) == len(set(keys))


def test_mistakes_are_one_sentence(queries, tmp_path):
    for words, says in (
        (("--dataset", "imih", "--model", "mini"), "Did you mean 'imhi'"),
        (("--dataset", "imhi"), "Give either --model"),
        (("--dataset", "hh-rlhf", "--model", "mini"), "There is nothing to read"),
    ):
        told = subprocess.run(
            command(*words, "--input", queries, "--output", tmp_path / "o"),
            capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert told.returncode == 1
        assert says in told.stderr
