"""Policies of every kind, from ordinary files: decoders, LoRA adapters, BART and T5."""

import copy
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    BartConfig,
    BartForConditionalGeneration,
    T5Config,
    T5ForConditionalGeneration,
)

from langchain_metaaligner.errors import CheckpointError, SettingError
from langchain_metaaligner.models.aligner import AlignerLLM
from langchain_metaaligner.models.policy import EncoderDecoderLLM, load_policy
from langchain_metaaligner.models.spec import CheckpointSpec, read_metadata

QUESTIONS = [
    "the water",
    "seven stones in the river so that people can walk",
    "please read it",
    "a",
]
SPECIAL = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0, "decoder_start_token_id": 1}


def saved(model, folder, published):
    model.generation_config.num_beams = 4  # as MentalBART brings it along
    model.generation_config.do_sample = False
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(published, pad_token="<unk>").save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="session")
def bart(published, tmp_path_factory):
    torch.manual_seed(2)
    config = BartConfig(
        vocab_size=480,
        d_model=32,
        encoder_layers=1,
        decoder_layers=1,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=32,
        decoder_ffn_dim=32,
        max_position_embeddings=64,
        init_std=0.5,
        forced_eos_token_id=None,
        **SPECIAL,
    )
    folder = tmp_path_factory.mktemp("bart") / "MentalBART"
    return saved(BartForConditionalGeneration(config), folder, published)


@pytest.fixture(scope="session")
def t5(published, tmp_path_factory):
    torch.manual_seed(2)
    config = T5Config(
        vocab_size=480,
        d_model=32,
        d_kv=16,
        d_ff=32,
        num_layers=1,
        num_heads=2,
        initializer_factor=5.0,
        n_positions=32,  # as the published config names its training length
        **SPECIAL,
    )
    folder = tmp_path_factory.mktemp("t5") / "MentalT5"
    return saved(T5ForConditionalGeneration(config), folder, published)


@pytest.fixture(params=["bart", "t5"])
def folder(request):
    return request.getfixturevalue(request.param)


def by_transformers(folder, kind, prompts, tokens):
    tokenizer, model = AutoTokenizer.from_pretrained(folder), kind.from_pretrained(folder)
    texts = []
    for prompt in prompts:
        ids = tokenizer(prompt, return_tensors="pt")["input_ids"]
        made = model.generate(
            input_ids=ids, do_sample=False, num_beams=1, max_new_tokens=tokens, min_length=0
        )
        texts.append(tokenizer.decode(made[0], skip_special_tokens=True))
    return texts


class TestEncoderDecoders:
    def test_answer_greedily_in_batches_as_one_by_one(self, folder):
        kind = BartForConditionalGeneration if "BART" in folder else T5ForConditionalGeneration
        wanted = by_transformers(folder, kind, QUESTIONS, 12)
        assert len(set(wanted)) > 1
        for size in (1, 3):
            llm = load_policy(folder, device="cpu", batch_size=size, max_new_tokens=12)
            assert isinstance(llm, EncoderDecoderLLM)
            assert llm.batch(QUESTIONS) == wanted

    def test_are_read_once_however_many_threads_ask(self, folder, monkeypatch):
        reads, barrier = [], threading.Barrier(12)
        from langchain_metaaligner.models import encoder_decoder

        auto = encoder_decoder.AutoModelForSeq2SeqLM
        read = auto.from_pretrained
        monkeypatch.setattr(
            auto,
            "from_pretrained",
            lambda *given, **named: reads.append(1) or read(*given, **named),
        )
        llm = load_policy(folder, device="cpu", max_new_tokens=4)
        twins = [llm, copy.deepcopy(llm), llm.model_copy()]

        def race(at):
            barrier.wait(20)
            return twins[at % 3].invoke("the water")

        with ThreadPoolExecutor(12) as pool:
            assert len(set(pool.map(race, range(12)))) == 1
        assert len(reads) == 1

    def test_pickle_without_weights(self, bart):
        llm = load_policy(bart, device="cpu", max_new_tokens=4)
        text = llm.invoke("the water")
        assert len(pickle.dumps(llm)) < 5_000
        assert pickle.loads(pickle.dumps(llm)).invoke("the water") == text

    def test_t5_reads_on_beyond_what_its_tokenizer_names(self, t5):
        """The question stands at the end of the prompt: it must not be cut off."""
        llm = load_policy(t5, device="cpu", max_new_tokens=8)
        post = "Post: " + "the river and the stone " * 120
        prompts = [post + "Question: walk?", post + "Question: seven light words please?"]
        assert min(map(llm.get_num_tokens, prompts)) > 256
        wanted = by_transformers(t5, T5ForConditionalGeneration, prompts, 8)
        assert llm.batch(prompts) == wanted
        (one,), _ = llm.generate(prompts).generations
        assert one.generation_info["prompt_tokens"] == llm.get_num_tokens(prompts[0])

    def test_bart_says_what_is_too_long_and_the_others_are_answered(self, bart):
        llm = load_policy(bart, device="cpu", max_new_tokens=4)
        with pytest.raises(SettingError, match=r"reads 64\. Shorten"):
            llm.invoke("seven " * 80)
        made = llm.batch(["the water", "seven " * 80, "a"], return_exceptions=True)
        assert isinstance(made[1], SettingError)
        assert made[::2] == llm.batch(["the water", "a"])

    def test_stop_texts_end_an_answer(self, t5):
        llm = load_policy(t5, device="cpu", max_new_tokens=12)
        text = llm.invoke(QUESTIONS[1])
        stop = text[len(text) // 2 :][:2]
        assert llm.invoke(QUESTIONS[1], stop=[stop]) == text[: text.index(stop)]

    def test_hold_their_weights_as_asked(self, bart):
        llm = load_policy(bart, device_map="cpu", dtype="bfloat16", max_new_tokens=4)
        assert llm.invoke("the water") is not None
        with pytest.raises(SettingError, match="Give one of them"):
            load_policy(bart, device="cpu", device_map="auto")


class TestAdapters:
    @pytest.fixture
    def adapter(self, published, tmp_path):
        """A LoRA adapter in a folder beside its base, as its README shows it."""
        torch.manual_seed(5)
        model = AutoModelForCausalLM.from_pretrained(published)
        lora = get_peft_model(
            model, LoraConfig(r=4, target_modules=["q_proj", "v_proj"], init_lora_weights=False)
        )
        lora.save_pretrained(tmp_path / "MentaLLaMA-33B-lora")
        return str(tmp_path / "MentaLLaMA-33B-lora"), lora.merge_and_unload().eval()

    def test_from_a_folder(self, adapter, published):
        folder, merged = adapter
        llm = load_policy(folder, device="cpu", max_new_tokens=8)
        tokenizer = AutoTokenizer.from_pretrained(published)
        ids = tokenizer("the water", return_tensors="pt")["input_ids"]
        made = merged.generate(
            ids,
            do_sample=False,
            max_new_tokens=8,
            repetition_penalty=1.0,
            top_p=1.0,
            temperature=1.0,
        )
        assert llm.invoke("the water") == tokenizer.decode(
            made[0, ids.shape[1] :], skip_special_tokens=True
        )
        assert llm.invoke("the water") != AlignerLLM(
            model=str(published), device="cpu", max_new_tokens=8
        ).invoke("the water")

    def test_has_metadata_like_any_folder(self, adapter):
        assert read_metadata(CheckpointSpec(model=adapter[0])) == {}

    def test_in_another_process_never_stands_for_its_bare_base(self, adapter):
        llm = load_policy(adapter[0], device="cpu")
        assert llm.model == adapter[0]
        alone = AlignerLLM(**{**llm.model_dump(include={"model", "adopted"}), "adopted": "gone"})
        with pytest.raises(CheckpointError):
            alone.invoke("the water")

    def test_on_a_base_that_is_not_there(self, adapter):
        with pytest.raises(CheckpointError, match=r"Name the base .* base=… \(--base"):
            load_policy(adapter[0], base="./nowhere")

    def test_on_a_base_held_as_asked(self, adapter):
        llm = load_policy(adapter[0], device_map="cpu", dtype="bfloat16")
        assert llm.checkpoint.model.dtype == torch.bfloat16


def test_a_decoder_is_held_as_asked(published):
    llm = load_policy(str(published), device_map="auto", dtype="float32", max_new_tokens=4)
    assert isinstance(llm, AlignerLLM)
    assert (llm.device_map, llm.dtype) == ("auto", "float32")


def test_a_model_that_is_not_there():
    with pytest.raises(CheckpointError, match="not a folder that exists"):
        load_policy("./nowhere")
