"""Answers to the queries of a data set: every row once, by a model that may fail."""

import json
from collections import Counter

import pandas
import pytest
from langchain_core.language_models import FakeListChatModel
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from pydantic import Field

from langchain_metaaligner.errors import (
    CallError,
    CheckpointError,
    DataError,
    LedgerError,
)
from langchain_metaaligner.files.answering import Policy, generate_answers
from langchain_metaaligner.testing import FakeAlignerLLM


class Chat(FakeListChatModel):
    """Calls a function with each prompt."""

    responses: list[str] = Field(default_factory=list)
    function: object = None
    temperature: float = 0.0

    def _generate(self, messages, stop=None, run_manager=None, **kwargs):
        text = self.function(messages[-1].text)
        return ChatResult(generations=[ChatGeneration(message=AIMessage(text))])

    @property
    def _identifying_params(self):
        return {"temperature": self.temperature}


@pytest.fixture
def queries(tmp_path):
    """A folder of two IMHI files."""
    folder = tmp_path / "test_instruction"
    folder.mkdir()
    for name in ("DR", "SAD"):
        rows = {
            "query": [f"consider {name} {n}" for n in range(5)],
            "gpt-3.5-turbo": [f"golden {n}" for n in range(5)],
        }
        pandas.DataFrame(rows).to_csv(folder / f"{name}.csv", index=False)
    return folder


@pytest.fixture
def dialogues(tmp_path):
    path = tmp_path / "test.csv"
    prompts = ["\n\nHuman: a \n\nAssistant:", "", "\n\nHuman: b \n\nAssistant:"]
    pandas.DataFrame({"prompt": prompts, "chosen_response": "golden"}).to_csv(path, index=False)
    return path


def read(path):
    return pandas.read_csv(path, keep_default_na=False)


def test_a_file_a_data_set(queries, tmp_path):
    llm = FakeAlignerLLM(lambda prompt: f"to {prompt}")
    done = []
    report = generate_answers(
        "IMHI", queries, tmp_path / "o", llm, llm_name="fake", limit=3, progress=done.append
    )
    assert (report.answered, report.reused, sum(done)) == (6, 0, 6)
    frame = read(tmp_path / "o" / "SAD.csv")
    assert list(frame.columns) == ["query", "goldens", "generated_text"]
    assert list(frame["generated_text"]) == [f"to consider SAD {n}" for n in range(3)]
    assert sum(map(len, llm.calls)) == 6
    assert len(llm.calls) == 2  # one batch a file, not one call a row


def test_the_output_is_plain_csv_and_the_researchs_on_request(queries, tmp_path):
    llm = FakeAlignerLLM(lambda prompt: "a \\ b")
    generate_answers("expert", queries, tmp_path / "plain", llm, llm_name="fake", limit=1)
    assert (tmp_path / "plain" / "SAD.csv").read_text().splitlines()[1].endswith(",a \\ b")
    generate_answers(
        "expert", queries, tmp_path / "o", llm, llm_name="fake", research_compat=True, limit=2
    )
    text = (tmp_path / "o" / "SAD.csv").read_text()
    assert text == "goldens,generated_text\ngolden 0,a \\\\ b\ngolden 1,a \\\\ b\n"


def test_queries_of_json_lines(tmp_path):
    path = tmp_path / "test.jsonl"
    path.write_text('{"query": "q", "golden_response": "g"}\n{"query": "r"}\n')
    generate_answers(
        "ultrafeedback", path, tmp_path / "o.csv", FakeAlignerLLM(str.upper), llm_name="fake"
    )
    assert read(tmp_path / "o.csv").to_numpy().tolist() == [["q", "g", "Q"], ["r", "", "R"]]


@pytest.mark.parametrize("kind", [FakeAlignerLLM, lambda function: Chat(function=function)])
def test_rows_that_fail_cost_themselves_alone_and_are_tried_again(dialogues, tmp_path, kind):
    down = True

    def server(prompt):
        if down and "b" in prompt:
            raise RuntimeError("gone")
        return "fine"

    def run():
        return generate_answers(
            "hh-rlhf", dialogues, tmp_path / "o.csv", kind(server), llm_name="fake", tries=1
        )

    report = run()
    assert (report.answered, report.empty) == (1, 1)
    assert report.errors == {"RuntimeError": 1}
    assert report.reasons == {"RuntimeError": "RuntimeError: gone"}
    assert list(read(tmp_path / "o.csv")["generated_text"]) == ["fine", "", ""]
    down = False
    report = run()
    assert (report.answered, report.reused, report.empty) == (2, 1, 1)
    assert list(read(tmp_path / "o.csv")["generated_text"]) == ["fine", "", "fine"]


def test_what_can_never_succeed_is_asked_once(queries, tmp_path):
    calls = Counter()

    class UnauthorizedError(Exception):
        status_code = 401

    def refuse(prompt):
        calls[prompt] += 1
        raise UnauthorizedError("wrong key")

    llm = Chat(function=refuse)
    with pytest.raises(CallError, match="UnauthorizedError: wrong key"):
        generate_answers("imhi", queries, tmp_path / "o", llm, llm_name="chat", concurrency=1)
    assert max(calls.values()) == 1
    assert all(prompt.startswith("consider DR") for prompt in calls)  # no other file is begun


def test_a_blip_is_waited_for(queries, tmp_path):
    calls = Counter()

    def blip(prompt):
        calls[prompt] += 1
        if calls[prompt] == 1:
            raise TimeoutError
        return "fine"

    llm = Chat(function=blip)
    report = generate_answers("imhi", queries, tmp_path / "o", llm, llm_name="chat", limit=1)
    assert (report.answered, dict(report.errors)) == (2, {})


def test_a_checkpoint_that_cannot_be_read_ends_the_run(queries, tmp_path):
    calls = []

    def broken(prompt):
        calls.append(prompt)
        raise CheckpointError("no weights")

    with pytest.raises(CheckpointError, match="no weights"):
        generate_answers("imhi", queries, tmp_path / "o", FakeAlignerLLM(broken), llm_name="fake")
    assert not (tmp_path / "o" / "DR.csv").exists()


def settings(tmp_path, queries, llm, **asking):
    name = f"o{len(list(tmp_path.iterdir()))}"
    generate_answers("imhi", queries, tmp_path / name, llm, llm_name="m", limit=1, **asking)
    line = (tmp_path / name / "generate.ledger.jsonl").read_text().splitlines()[0]
    return json.loads(line)["settings"]


def test_the_ledger_knows_whatever_shapes_an_answer(queries, tmp_path):
    def answer(prompt):
        return "fine"

    def made(llm, **asking):
        return settings(tmp_path, queries, llm, **asking)

    fake, chat = FakeAlignerLLM(answer), Chat(function=answer)
    assert made(fake) == made(fake)
    assert made(chat) != made(Chat(function=answer, temperature=1.0))
    assert made(fake) != made(fake, settings={"base": "ck/vicuna-33B"})
    assert made(fake) != made(fake, prefix="<Harmlessness>: 4 | ")
    assert made(fake) != made(fake, max_new_tokens=7)
    assert made(fake)["prompt_version"] == 1


def test_answers_of_another_base_are_not_taken_over(queries, tmp_path):
    llm = FakeAlignerLLM(lambda prompt: "fine")
    for number, base in enumerate(("vicuna", "vicuna", "llama")):
        policy = Policy(llm, "MentaLLaMA-33B-lora", {"base": base})
        if number < 2:
            report = generate_answers("imhi", queries, tmp_path / "o", policy)
            assert report.reused == 10 * number
        else:
            with pytest.raises(LedgerError, match="base: 'vicuna' there, 'llama' here"):
                generate_answers("imhi", queries, tmp_path / "o", policy)


class Budgets(FakeAlignerLLM):
    """Notes how many tokens each answer may take."""

    budgets: dict[str, int] = Field(default_factory=dict)

    def _generate(self, prompts, stop=None, run_manager=None, **kwargs):
        self.budgets.update(dict.fromkeys(prompts, kwargs["max_new_tokens"]))
        return super()._generate(prompts, stop, run_manager, **kwargs)


@pytest.mark.parametrize(("context", "long"), [(4096, 548), (None, 1024)])
def test_on_imhi_prompt_and_answer_of_a_decoder_share_a_window(tmp_path, context, long):
    path = tmp_path / "DR.csv"
    words = " ".join(["word"] * 1500)
    pandas.DataFrame({"query": ["short", words], "gpt-3.5-turbo": "g"}).to_csv(path, index=False)
    llm = Budgets(lambda prompt: "fine", context=context)
    generate_answers("imhi", path, tmp_path / "o", llm, llm_name="m")
    assert llm.budgets == {"short": 1024, words: long}


def test_mistakes_are_named(queries, tmp_path):
    llm = FakeAlignerLLM(str)
    with pytest.raises(DataError, match="There is nothing to read"):
        generate_answers("hh-rlhf", queries, tmp_path / "o", llm, llm_name="m")
    with pytest.raises(DataError, match=r"DR\.csv lacks the columns prompt"):
        generate_answers("hh-rlhf", queries / "DR.csv", tmp_path / "o", llm, llm_name="m")
