"""`AlignerLLM`: the tokens of plain ``model.generate``, in batches, streams and threads."""

import asyncio
import copy
import pickle
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from langchain_core.load import dumpd, dumps, loads
from langchain_core.runnables import ConfigurableField, RunnableLambda
from langchain_huggingface import HuggingFacePipeline
from transformers import AutoModelForCausalLM, LlamaTokenizer, pipeline

from langchain_metaaligner.decode import generate as plain_loop
from langchain_metaaligner.decode.lookup import LookupLoop
from langchain_metaaligner.errors import CheckpointError, MetaAlignerError, SettingError
from langchain_metaaligner.models import aligner, checkpoint
from langchain_metaaligner.models.aligner import AlignerLLM
from langchain_metaaligner.models.editing_llm import EditingLLM

NEW = 48
STOP = ["e", "th", "9"]


@pytest.fixture
def llm(published) -> AlignerLLM:
    return AlignerLLM(model=str(published), device="cpu", max_new_tokens=NEW, batch_size=5)


@pytest.fixture(scope="session")
def plain(published):
    """One prompt at a time through transformers alone: (text, ids, ended)."""
    tokenizer = LlamaTokenizer.from_pretrained(published, padding_side="left")
    model = AutoModelForCausalLM.from_pretrained(published)

    def answer(prompt: str, tokens: int = NEW) -> tuple[str, list[int], bool]:
        given = tokenizer(prompt, return_tensors="pt")
        made = model.generate(
            **given,
            do_sample=False,
            max_new_tokens=tokens,
            temperature=1.0,
            top_p=1.0,
            repetition_penalty=1.0,
        )
        ids = made[0, given["input_ids"].shape[1] :].tolist()
        ended = ids[-1] == 2
        ids = ids[:-1] if ended else ids
        options = {"skip_special_tokens": True, "spaces_between_special_tokens": False}
        return tokenizer.decode(ids, **options), ids, ended

    return answer


@pytest.fixture(scope="session")
def expected(plain, prompts):
    return [plain(prompt) for prompt in prompts]


def cut(text: str, stop: list[str]) -> str:
    return text[: min((text.find(one) for one in stop if one in text), default=None)]


class TestBatches:
    def test_are_what_each_prompt_gives_alone(self, llm, prompts, expected):
        result = llm.generate(prompts)
        for (one,), (text, ids, ended), prompt in zip(
            result.generations, expected, prompts, strict=True
        ):
            assert one.text == text
            assert one.generation_info == {
                "finish_reason": "stop" if ended else "length",
                "prompt_tokens": llm.get_num_tokens(prompt),
                "completion_tokens": len(ids),
            }
        assert {ended for _, _, ended in expected} == {True, False}
        assert len({len(text) for text, _, _ in expected}) > 3

    @pytest.mark.parametrize("batch_size", [1, 2, 64])
    def test_of_any_size_are_the_same(self, llm, prompts, expected, batch_size):
        llm.batch_size = batch_size
        assert llm.batch(prompts) == [text for text, _, _ in expected]

    def test_count_their_tokens(self, llm, prompts, expected):
        output = llm.generate(prompts).llm_output
        asked = sum(llm.get_num_tokens(prompt) for prompt in prompts)
        made = sum(len(ids) for _, ids, _ in expected)
        assert output["model_name"] == llm.model
        assert output["token_usage"] == {
            "prompt_tokens": asked,
            "completion_tokens": made,
            "total_tokens": asked + made,
        }

    def test_group_prompts_of_similar_length(self, llm, prompts, monkeypatch):
        llm.decoding = "greedy"
        widths = []
        generate = plain_loop.generate

        def watched(batch):
            widths.append([len(row.tokens) for row in batch])
            return generate(batch)

        monkeypatch.setattr(plain_loop, "generate", watched)
        llm.batch(prompts)
        assert [len(batch) for batch in widths] == [5, 5, 3]
        assert [size for batch in widths for size in batch] == sorted(
            (llm.get_num_tokens(one) for one in prompts), reverse=True
        )

    @pytest.mark.parametrize("config", [{"max_concurrency": 2}, [{"max_concurrency": 2}] * 13])
    async def test_are_one_generation_whatever_max_concurrency(
        self, llm, prompts, monkeypatch, config
    ):
        calls = []
        for name in ("complete", "acomplete"):
            real = getattr(aligner, name)
            monkeypatch.setattr(
                aligner,
                name,
                lambda *given, real=real, **options: (
                    calls.append(len(given[1])) or real(*given, **options)
                ),
            )
        assert len(llm.batch(prompts, config)) == 13
        assert len(await llm.abatch(prompts, config)) == 13
        chain = RunnableLambda(str) | llm
        chain.batch(prompts, config)
        await chain.abatch(prompts, config)
        assert calls == [13] * 4

    def test_of_nothing(self, llm):
        assert llm.batch([]) == []

    def test_never_hold_the_prompt(self, llm, prompts):
        assert not any("assistant to human. | Query" in text for text in llm.batch(prompts))


class TestStop:
    def test_cuts_each_row_where_its_own_text_stops(self, llm, prompts, expected):
        result = llm.generate(prompts, stop=STOP)
        for (one,), (text, ids, ended) in zip(result.generations, expected, strict=True):
            assert one.text == cut(text, STOP)
            stopped = one.text != text
            assert one.generation_info["finish_reason"] == (
                "stop" if stopped or ended else "length"
            )
            assert one.generation_info["completion_tokens"] <= len(ids)
        assert any(
            one.text != text
            for (one,), (text, _, _) in zip(result.generations, expected, strict=True)
        )

    def test_ends_the_generation_of_the_row(self, llm, prompts, expected):
        result = llm.generate(prompts, stop=STOP)
        tokens = [one.generation_info["completion_tokens"] for (one,) in result.generations]
        decode = checkpoint.load(llm._spec()).decode
        for made, (_, ids, _) in zip(tokens, expected, strict=True):
            first = next(
                (n for n in range(len(ids)) if any(s in decode(ids[: n + 1]) for s in STOP)), None
            )
            assert made == (len(ids) if first is None else first + 1)

    def test_of_the_field_and_of_the_call(self, llm, prompts, expected):
        llm.stop = STOP[:1]
        assert llm.batch(prompts, stop=STOP[1:]) == [cut(text, STOP) for text, _, _ in expected]

    def test_of_nothing_is_an_error(self, published):
        with pytest.raises(SettingError, match="empty text"):
            AlignerLLM(model=str(published), stop=[""])


class TestContext:
    def test_rows_use_the_room_that_they_have(self, llm, plain, prompts):
        """A short prompt beside a long one is not cut short by it."""
        long = "the answer is clear " * 50
        llm.max_new_tokens = 1024
        sizes = [llm.get_num_tokens(one) for one in (long, *prompts[:2])]
        assert 256 - 80 < sizes[0] < 256 > sizes[1]
        result = llm.generate([prompts[0], long, prompts[1]])
        for (one,), prompt in zip(result.generations, [prompts[0], long, prompts[1]], strict=True):
            room = 256 - llm.get_num_tokens(prompt)
            text, ids, ended = plain(prompt, room)
            assert one.text == text
            assert one.generation_info["completion_tokens"] == len(ids)
            assert ended or len(ids) == room

    def test_a_prompt_that_fills_it_is_an_error(self, llm):
        with pytest.raises(SettingError, match=r"fills the context of .*, which is 256\. Shorten"):
            llm.invoke("seven " * 300)
        with pytest.raises(SettingError, match="fills the context"):
            list(llm.stream("seven " * 300))

    def test_is_known(self, llm):
        assert llm.context_length == 256
        assert llm.get_num_tokens("Edit: ") == 4
        assert llm.fits("Edit: ", "short")


class TestOutOfMemory:
    @pytest.fixture(params=["lookup", "greedy"])
    def sizes(self, request, llm, monkeypatch):
        """A device on which two rows fit, and no more; the sizes that were tried."""
        llm.decoding = request.param
        tried = []
        kind = LookupLoop if request.param == "lookup" else plain_loop.PlainLoop
        admit = kind.admit

        def limited(self, answers):
            size = len(self.rows) + len(answers)
            tried.append(size)
            if size > 2:
                raise torch.cuda.OutOfMemoryError("CUDA out of memory")
            return admit(self, answers)

        monkeypatch.setattr(kind, "admit", limited)
        return tried

    @pytest.mark.parametrize("share_batches", [True, False])
    def test_halves_the_batch_and_goes_on(self, llm, prompts, expected, sizes, share_batches):
        llm.batch_size, llm.share_batches = 8, share_batches
        assert llm.batch(prompts) == [text for text, _, _ in expected]
        assert sizes[:3] == [8, 4, 2]
        assert set(sizes[3:]) <= {1, 2}

    @pytest.mark.parametrize("decoding", ["lookup", "greedy"])
    def test_a_single_row_raises(self, llm, monkeypatch, decoding):
        def full(*given):
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")

        llm.decoding = decoding
        for kind in (LookupLoop, plain_loop.PlainLoop):
            monkeypatch.setattr(kind, "admit", full)
        with pytest.raises(torch.cuda.OutOfMemoryError):
            llm.batch(["a", "b"])


class TestStream:
    @pytest.mark.parametrize("stop", [[], STOP, ["zz", "the a", "e \n"]])
    def test_is_what_invoke_gives(self, llm, prompts, stop):
        for prompt in prompts:
            whole = llm.generate([prompt], stop=stop).generations[0][0]
            pieces = list(llm._stream(prompt, stop=stop))
            assert "".join(piece.text for piece in pieces) == whole.text
            assert pieces[-1].generation_info == whole.generation_info
            assert all(piece.generation_info is None for piece in pieces[:-1])

    def test_comes_in_pieces(self, llm, prompts, expected):
        longest = max(range(len(prompts)), key=lambda at: len(expected[at][0]))
        assert sum(1 for piece in llm.stream(prompts[longest]) if piece) > 5

    async def test_async_is_the_same(self, llm, prompts):
        for prompt in prompts[:3]:
            pieces = [piece async for piece in llm.astream(prompt, stop=STOP)]
            assert "".join(pieces) == llm.invoke(prompt, stop=STOP)

    async def test_async_leaves_the_loop_free(self, llm, prompts, monkeypatch):
        """Reading weights, and each pass, wait until the loop has turned once more."""
        turned, waited = threading.Event(), []

        def wait(*_):
            turned.clear()
            waited.append(turned.wait(20))

        read = checkpoint.read

        def slow_read(spec):
            wait()
            model, tokenizer = read(spec)
            model.register_forward_pre_hook(lambda module, args: wait())
            return model, tokenizer

        monkeypatch.setattr(checkpoint, "read", slow_read)

        async def tick():
            while True:
                turned.set()
                await asyncio.sleep(0)

        ticking = asyncio.create_task(tick())
        assert [piece async for piece in llm.astream(prompts[0])]
        ticking.cancel()
        assert len(waited) > 1
        assert all(waited)

    def test_reports_tokens_to_callbacks(self, llm, prompts):
        from langchain_core.callbacks import BaseCallbackHandler

        class Watcher(BaseCallbackHandler):
            def __init__(self):
                self.text = ""

            def on_llm_new_token(self, token, **kwargs):
                self.text += token

            def on_llm_end(self, response, **kwargs):
                self.info = response.generations[0][0].generation_info

        watcher = Watcher()
        text = "".join(llm.stream(prompts[0], {"callbacks": [watcher]}))
        assert watcher.text == text
        assert watcher.info["finish_reason"] in ("stop", "length")


class TestBrokenStreams:
    @pytest.fixture
    def steps(self, llm, monkeypatch):
        """Forward passes of the model, each slowed to 10 ms."""
        model = llm.checkpoint.model
        forward = model.forward
        count = []

        def slow(*given, **named):
            count.append(threading.current_thread())
            time.sleep(0.01)
            return forward(*given, **named)

        monkeypatch.setattr(model, "forward", slow)
        llm.max_new_tokens = 150
        llm.generation = {"min_new_tokens": 150}
        return count

    @staticmethod
    def settle(steps):
        """Wait until the generating thread is gone; the steps that it made."""
        steps[0].join(timeout=5)
        assert not steps[0].is_alive()
        return len(steps)

    def test_abandoned_stops_soon(self, llm, steps, prompts):
        pieces = llm.stream(prompts[0])
        next(pieces)
        pieces.close()
        assert self.settle(steps) < 60

    async def test_cancelled_stops_soon(self, llm, steps, prompts):
        async def read():
            async for _ in llm.astream(prompts[0]):
                pass

        task = asyncio.create_task(read())
        while not steps:
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await asyncio.to_thread(self.settle, steps) < 60

    def test_a_failure_reaches_the_reader_at_once(self, llm, monkeypatch, prompts):
        def fail(*given, **named):
            raise RuntimeError("the device is gone")

        monkeypatch.setattr(llm.checkpoint.model, "forward", fail)
        begin = time.monotonic()
        with pytest.raises(RuntimeError, match="the device is gone"):
            list(llm.stream(prompts[0]))
        with pytest.raises(RuntimeError, match="the device is gone"):
            llm.invoke(prompts[0])
        assert time.monotonic() - begin < 3

    async def test_a_failure_reaches_the_async_reader(self, llm, monkeypatch, prompts):
        def fail(*given, **named):
            raise RuntimeError("the device is gone")

        monkeypatch.setattr(llm.checkpoint.model, "forward", fail)
        with pytest.raises(RuntimeError, match="the device is gone"):
            await asyncio.wait_for(anext(llm.astream(prompts[0])), 3)

    def test_weights_are_free_again(self, llm, steps, prompts):
        next(llm.stream(prompts[0]))
        assert llm.generate([prompts[0]], min_new_tokens=2, max_new_tokens=2)


class TestConcurrency:
    def test_many_threads_get_their_own_answers(self, llm, prompts, expected, monkeypatch):
        reads = []
        read = checkpoint.read
        monkeypatch.setattr(checkpoint, "read", lambda one: reads.append(one) or read(one))
        order = [*range(len(prompts)), *[0] * 19]
        with ThreadPoolExecutor(32) as pool:
            answers = list(pool.map(lambda at: llm.invoke(prompts[at]), order))
        assert answers == [expected[at][0] for at in order]
        assert len(reads) == 1

    async def test_ainvoke_side_by_side(self, llm, prompts, expected):
        answers = await asyncio.gather(*(llm.ainvoke(prompt) for prompt in prompts))
        assert answers == [text for text, _, _ in expected]


class TestOptions:
    def test_sampling_on_request(self, llm, prompts, expected):
        llm.generation = {"do_sample": True, "temperature": 2.0}
        torch.manual_seed(1)
        assert llm.batch(prompts) != [text for text, _, _ in expected]

    def test_of_one_call(self, llm, prompts, plain):
        assert llm.bind(max_new_tokens=3).invoke(prompts[0]) == plain(prompts[0], 3)[0]
        assert llm.batch(prompts, repetition_penalty=9.0) != llm.batch(prompts)

    @pytest.mark.parametrize(
        ("fields", "said"),
        [
            ({"batch_size": 0}, "batch_size"),
            ({"max_new_tokens": 0}, "max_new_tokens"),
            ({"dtype": "float8"}, "dtype='float8' is unknown"),
            ({"generation": {"temprature": 1}}, "Did you mean 'temperature'"),
            ({"generation": {"max_length": 5}}, "use max_new_tokens"),
            ({"batchsize": 3}, "batch_size"),
        ],
    )
    def test_that_cannot_work(self, published, fields, said):
        with pytest.raises(SettingError, match=said):
            AlignerLLM(model=str(published), **fields)

    def test_of_one_call_that_cannot_work(self, llm):
        with pytest.raises(SettingError, match="max_new_tokens=0 was given"):
            llm.invoke("x", max_new_tokens=0)

    def test_a_missing_model_is_an_error_at_once(self):
        with pytest.raises(CheckpointError, match="is not a folder that exists"):
            AlignerLLM(model="./nowhere")

    def test_dtype_by_torch_or_by_name(self, published):
        one = AlignerLLM.from_pretrained(str(published), device="cpu", dtype=torch.bfloat16)
        two = AlignerLLM.from_pretrained(str(published), device="cpu", dtype="bf16")
        assert one.checkpoint is two.checkpoint
        assert one.dtype == "bfloat16"


class TestIdentity:
    def test_plain_construction_reads_nothing(self, llm, monkeypatch):
        monkeypatch.setattr(checkpoint, "read", lambda spec: pytest.fail("weights were read"))
        assert isinstance(llm, EditingLLM)
        assert llm.trained_template is None
        assert llm.display_name == llm.model
        assert llm._llm_type == "metaaligner"
        assert llm._identifying_params["max_new_tokens"] == NEW

    def test_the_template_is_that_of_the_metadata(self, modern):
        llm = AlignerLLM(model=str(modern), device="cpu")
        assert llm.trained_template == "IMHI"
        llm.invoke("x", max_new_tokens=1)
        assert llm.trained_template == "IMHI"

    def test_pickles_and_copies_without_weights(self, llm, prompts, expected):
        loaded = llm.checkpoint
        assert len(pickle.dumps(llm)) < 5_000
        for twin in (pickle.loads(pickle.dumps(llm)), copy.deepcopy(llm), llm.model_copy()):
            assert twin.invoke(prompts[0]) == expected[0][0]
            assert twin.checkpoint is loaded

    @pytest.mark.filterwarnings("ignore::langchain_core._api.LangChainBetaWarning")
    def test_dumps(self, llm):
        assert llm.checkpoint
        assert dumpd(llm)["id"] == ["langchain_metaaligner", "models", "aligner", "AlignerLLM"]
        text = dumps(llm)
        assert len(text) < 5_000
        twin = loads(text, valid_namespaces=["langchain_metaaligner"], allowed_objects=[AlignerLLM])
        assert twin.model_dump() == llm.model_dump()

    def test_a_reconfigured_call_finds_the_weights(self, llm, prompts, monkeypatch):
        assert llm.checkpoint
        monkeypatch.setattr(checkpoint, "read", lambda spec: pytest.fail("read again"))
        short = llm.configurable_fields(max_new_tokens=ConfigurableField(id="tokens"))
        assert len(short.invoke(prompts[0], {"configurable": {"tokens": 2}})) < 40


class TestTakeover:
    @pytest.fixture
    def hf(self, published):
        model = AutoModelForCausalLM.from_pretrained(published)
        tokenizer = LlamaTokenizer.from_pretrained(published, padding_side="right")
        task = pipeline("text-generation", model=model, tokenizer=tokenizer)
        return HuggingFacePipeline(pipeline=task, pipeline_kwargs={"max_new_tokens": NEW})

    def test_gives_the_plain_tokens(self, hf, prompts, expected):
        llm = AlignerLLM.from_pipeline(hf)
        assert llm.max_new_tokens == NEW
        assert llm.batch(prompts) == [text for text, _, _ in expected]
        bare = AlignerLLM.from_pipeline(hf.pipeline, max_new_tokens=NEW, stop=STOP)
        assert bare.batch(prompts) == [cut(text, STOP) for text, _, _ in expected]

    def test_gives_the_ids_of_its_checkpoint(self, hf, llm):
        taken = AlignerLLM.from_pipeline(hf)
        for text in ("Edit: ", "  leading", "</s>", "a \n b  "):
            assert taken.get_token_ids(text) == llm.get_token_ids(text)

    def test_reads_no_weights_and_changes_nothing(self, hf, published, monkeypatch):
        monkeypatch.setattr(checkpoint, "read", lambda spec: pytest.fail("weights were read"))
        inner = hf.pipeline
        pad_token = inner.tokenizer.pad_token
        llm = AlignerLLM.from_pipeline(hf)
        llm.invoke("x", max_new_tokens=2)
        assert inner.tokenizer.pad_token == pad_token != "<unk>"
        assert inner.model.generation_config.top_p == 0.6
        assert llm.checkpoint.model.lm_head.weight is inner.model.lm_head.weight
        assert llm.display_name == str(published)

    def test_twins_share_it(self, hf, prompts, expected, monkeypatch):
        llm = AlignerLLM.from_pipeline(hf)
        monkeypatch.setattr(checkpoint, "read", lambda spec: pytest.fail("weights were read"))
        changed = llm.configurable_fields(stop=ConfigurableField(id="stop"))
        for twin in (copy.deepcopy(llm), pickle.loads(pickle.dumps(llm))):
            assert twin.checkpoint is llm.checkpoint
        assert changed.invoke(prompts[0], {"configurable": {"stop": None}}) == expected[0][0]

    def test_survives_in_another_process_by_its_name(self, hf, prompts, expected):
        frozen = pickle.dumps(AlignerLLM.from_pipeline(hf))
        checkpoint._adopted.clear()
        thawed = pickle.loads(frozen)
        assert thawed.checkpoint.model is not hf.pipeline.model
        assert thawed.invoke(prompts[0]) == expected[0][0]

    def test_a_model_without_a_name_stays_in_its_process(self, hf):
        hf.pipeline.model.name_or_path = ""
        llm = AlignerLLM.from_pipeline(hf)
        assert llm.display_name == "pipeline"
        frozen = pickle.dumps(llm)
        checkpoint._adopted.clear()
        with pytest.raises(CheckpointError, match="made in memory"):
            pickle.loads(frozen).invoke("x")

    def test_of_another_task(self, hf):
        hf.pipeline.task = "fill-mask"
        with pytest.raises(SettingError, match="'fill-mask' was given"):
            AlignerLLM.from_pipeline(hf)

    def test_of_something_else(self):
        with pytest.raises(MetaAlignerError, match="'str' was given"):
            AlignerLLM.from_pipeline("a pipeline")


def test_the_repr_names_model_and_device():
    shown = repr(AlignerLLM(model="mini", max_new_tokens=9))
    assert shown.startswith("AlignerLLM(model='mini', ")
    assert "max_new_tokens=9" in shown
    assert "device='" in shown
    assert "metadata" not in shown
