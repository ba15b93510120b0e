"""``metaaligner generate`` with every kind of checkpoint that policy models come as."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pandas
import pytest
import torch
from peft import LoraConfig, get_peft_model
from processes import killed, whole_lines
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import (
    AutoModelForSeq2SeqLM,
    BartConfig,
    BartForConditionalGeneration,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
    T5Config,
    T5ForConditionalGeneration,
)
from typer.testing import CliRunner

from langchain_metaaligner.cli import app
from langchain_metaaligner.errors import MetaAlignerError
from langchain_metaaligner.models.aligner import AlignerLLM
from langchain_metaaligner.models.policy import EncoderDecoderLLM, load_policy

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
    torch.manual_seed(1)
    LlamaForCausalLM(llama).save_pretrained(root / "other")
    for name in ("llama", "other", "bart", "t5"):
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


def test_killed_it_goes_on_to_the_same_file(queries, tmp_path):
    words = ("generate", "--dataset", "imhi", "--input", queries, "--model", "mini",
             "--device", "cpu", "--max-new-tokens", "30", "--batch-size", "1")  # fmt: skip
    ledger = tmp_path / "out" / "generate.ledger.jsonl"
    output = ("--output", tmp_path / "out")
    killed(tmp_path / "out", lambda: len(whole_lines(ledger)) >= 2, *words, *output)
    for name in ("out", "whole"):
        run(*words[1:], "--output", tmp_path / name)
    for name in ("DR.csv", "SAD.csv"):
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    keys = [json.loads(line)["key"] for line in whole_lines(ledger)]
    assert len(keys) == len(set(keys)) == 5  # both files ask the same queries


class Completions(BaseHTTPRequestHandler):
    """Continues raw text as an OpenAI-compatible server does."""

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append((self.path, body))
        prompts = [body["prompt"]] if isinstance(body["prompt"], str) else body["prompt"]
        choices = [
            {"text": f"to {prompt}", "index": at, "finish_reason": "stop", "logprobs": None}
            for at, prompt in enumerate(prompts)
        ]
        reply = {"id": "1", "object": "text_completion", "created": 0, "model": body["model"]}
        usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
        content = json.dumps({**reply, "choices": choices, "usage": usage}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *words):
        pass


@pytest.fixture
def completions():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Completions)
    server.asked = []
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def run(*words, code=0):
    """What the command says on standard error, or the error that ends it."""
    result = CliRunner().invoke(app, ["generate", *map(str, words)])
    if isinstance(result.exception, MetaAlignerError):
        assert code == 1
        return str(result.exception)
    assert result.exit_code == code, result.output
    return result.stderr


def test_an_adapter_in_a_folder_answers_on_the_base_that_is_named(checkpoints, queries, tmp_path):
    words = (
        "--dataset", "expert", "--input", queries, "--output", tmp_path / "out", "--limit", "2",
        "--model", checkpoints / "lora", "--device", "cpu", "--max-new-tokens", "6",
    )  # fmt: skip
    assert "4 answered" in run(*words, "--base", checkpoints / "llama")
    assert "4 of them known" in run(*words, "--base", checkpoints / "llama")
    told = run(*words, "--base", checkpoints / "other", code=1)
    assert "was written under other settings" in told
    assert "base_weights" in told


def test_a_server_is_asked_for_the_raw_text(queries, tmp_path, completions):
    words = (
        "--dataset", "imhi", "--input", queries, "--output", tmp_path / "out", "--limit", "3",
        "--model", "my/policy", "--base-url", f"http://127.0.0.1:{completions.server_port}/v1",
    )  # fmt: skip
    assert "6 answered" in run(*words)
    frame = pandas.read_csv(tmp_path / "out" / "DR.csv")
    assert list(frame["generated_text"]) == [f"to {query}" for query in frame["query"]]
    assert {path for path, _ in completions.asked} == {"/v1/completions"}
    assert {(body["model"], body["max_tokens"]) for _, body in completions.asked} == {
        ("my/policy", 1024)
    }
    assert {body["temperature"] for _, body in completions.asked} == {0.0}
    assert "--base-url names the server of --model" in run(
        *words[:-4], "--llm", "openai:x", *words[-2:], code=1
    )
    assert "--device is for a model on this machine" in run(*words, "--device", "cpu", code=1)


def test_a_run_in_which_nothing_was_answered_fails_and_says_why(queries, tmp_path):
    words = (
        "--dataset", "imhi", "--input", queries, "--output", tmp_path / "out",
        "--model", "my/policy", "--base-url", "http://127.0.0.1:9/v1",
    )  # fmt: skip
    told = run(*words, "--limit", "1", "--concurrency", "1", code=1)
    assert "APIConnectionError" in told
    assert "Traceback" not in told


def test_the_command_writes_a_file_a_data_set(checkpoints, queries, tmp_path):
    words = (
        "--dataset", "imhi", "--input", queries, "--output", tmp_path / "out",
        "--model", checkpoints / "llama", "--device", "cpu", "--max-new-tokens", "6",
    )  # fmt: skip
    assert "10 answered" in run(*words)
    frame = pandas.read_csv(tmp_path / "out" / "DR.csv")
    assert list(frame.columns) == ["query", "goldens", "generated_text"]
    assert list(frame["goldens"]) == [f"golden {n}" for n in range(5)]


@pytest.mark.parametrize("name", ["bart", "t5"])
def test_an_encoder_decoder_is_read_once_and_answers_in_batches(
    checkpoints, queries, tmp_path, monkeypatch, name
):
    loads, batches = [], []
    kind = {"bart": BartForConditionalGeneration, "t5": T5ForConditionalGeneration}[name]
    load, generate = AutoModelForSeq2SeqLM.from_pretrained, kind.generate

    def counted(*args, **options):
        loads.append(args)
        return load(*args, **options)

    def batch(self, *args, **options):
        batches.append(len(options["input_ids"]))
        return generate(self, *args, **options)

    monkeypatch.setattr(AutoModelForSeq2SeqLM, "from_pretrained", counted)
    monkeypatch.setattr(kind, "generate", batch)
    words = (
        "--dataset", "imhi-completion", "--input", queries, "--output", tmp_path / "out",
        "--model", checkpoints / name, "--device", "cpu", "--max-new-tokens", "4",
        "--batch-size", "4",
    )  # fmt: skip
    assert "10 answered" in run(*words)
    assert len(loads) == 1
    assert batches == [4, 1]  # both files ask the same five queries


def test_a_question_is_never_cut_off(checkpoints, tmp_path):
    """T5 reads on behind its tokenizer's 64 tokens; BART has no positions there."""
    path = tmp_path / "DR.csv"
    words = " ".join(["post"] * 100)
    rows = {"query": [f"consider {words} question", "this"], "gpt-3.5-turbo": "golden"}
    pandas.DataFrame(rows).to_csv(path, index=False)
    options = (
        "--dataset", "imhi", "--input", path, "--device", "cpu", "--max-new-tokens", "4",
    )  # fmt: skip
    told = run(*options, "--output", tmp_path / "t5", "--model", checkpoints / "t5")
    assert "2 answered" in told
    told = run(*options, "--output", tmp_path / "bart", "--model", checkpoints / "bart")
    assert "1 answered" in told
    assert "A prompt has 103 tokens" in told


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--dataset", "imih", "--model", "mini"), "Did you mean 'imhi'"),
        (("--dataset", "imhi"), "Give either --model"),
        (("--dataset", "hh-rlhf", "--model", "no/such"), "There is nothing to read"),
    ],
)
def test_mistakes_are_named_before_a_model_is_loaded(queries, tmp_path, words, says):
    assert says in run(*words, "--input", queries, "--output", tmp_path / "o", code=1)
