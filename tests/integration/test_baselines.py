"""The methods that an aligner is compared with, end to end on tiny models."""

import csv
import json
from pathlib import Path

import pytest
import torch
from processes import finished, killed
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
)
from typer.testing import CliRunner

from langchain_metaaligner.cli import app
from langchain_metaaligner.errors import RecipeError, SettingError
from langchain_metaaligner.evaluation.results import read_result
from langchain_metaaligner.rewards.classifier import SequenceReward
from langchain_metaaligner.training import load_recipe, train, train_morlhf
from langchain_metaaligner.training.stages import last_checkpoint

pytestmark = pytest.mark.usefixtures("one_thread")
MINIATURES = Path(__file__).parents[2] / "recipes" / "miniature"
THINGS = ("bread", "tea", "a bicycle", "the garden", "a letter", "rice", "the window", "a coat")
PAIRS = ["queries", "chosen_responses", "reject_responses"]


def question(i):
    return f"\n\nHuman: How do I keep {THINGS[i % len(THINGS)]}, number {i}? \n\nAssistant:"


def good(i):
    return f"Keep {THINGS[i % len(THINGS)]} dry. Ask me for more."


def bad(i):
    return f"Keep {THINGS[i % len(THINGS)]} wherever."


def write_pairs(path, rows):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([PAIRS, *rows])


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    prefix = "<Harmlessness>: {}; <Helpfulness>: 0.5; <Humour>: 1.0 | "
    turns = [
        (prefix.format(score) + question(i), answer(i))
        for i in range(24)
        for score, answer in ((1.2, good), (-0.4, bad))
    ]
    for name, part in (("train", turns[8:]), ("val", turns[:8])):
        items = [
            {"id": i, "conversations": [{"from": "human", "value": q}, {"from": "gpt", "value": a}]}
            for i, (q, a) in enumerate(part)
        ]
        (folder / f"{name}.json").write_text(json.dumps(items))
    target = "<Harmlessness>: 4.19; <Helpfulness>: 3.03; <Humour>: 1.58 | "
    ordered = [(question(i), good(i), bad(i)) for i in range(24)]
    write_pairs(folder / "train.csv", [(target + q, a, b) for q, a, b in ordered[4:]])
    write_pairs(folder / "val.csv", [(target + q, a, b) for q, a, b in ordered[:4]])
    over = [(question(99), "word " * 300, "short")]
    write_pairs(folder / "harmless_train.csv", ordered[4:] + over)
    write_pairs(folder / "harmless_val.csv", ordered[:4])
    write_pairs(folder / "humour_train.csv", [(q, b, a) for q, a, b in ordered])
    with (folder / "prompts.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["prompt", "other"], *((q, "x") for q, _, _ in ordered)])
    return folder


@pytest.fixture(scope="module")
def tokenizer(data):
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=["<unk>", "<s>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    made.train_from_iterator([(data / "train.csv").read_text()], trainer)
    made.post_processor = processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", 1)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=made, unk_token="<unk>", bos_token="<s>", eos_token="</s>"
    )


@pytest.fixture(scope="module")
def llama(tmp_path_factory, tokenizer):
    folder = tmp_path_factory.mktemp("llama")
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=2,
            num_attention_heads=2, max_position_embeddings=1024, bos_token_id=1, eos_token_id=2,
        )
    ).save_pretrained(folder)  # fmt: skip
    return folder


@pytest.fixture(scope="module")
def gpt2(tmp_path_factory, tokenizer):
    """Like the real one: end of text is the only special token, and there is none for padding."""
    folder = tmp_path_factory.mktemp("gpt2")
    made = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
    made.post_processor = processors.ByteLevel(trim_offsets=False)
    PreTrainedTokenizerFast(
        tokenizer_object=made, eos_token="</s>", bos_token="</s>", unk_token="</s>"
    ).save_pretrained(folder)
    torch.manual_seed(0)
    GPT2LMHeadModel(
        GPT2Config(
            vocab_size=len(tokenizer), n_embd=32, n_layer=2, n_head=2, n_positions=256,
            bos_token_id=2, eos_token_id=2,
        )
    ).save_pretrained(folder)  # fmt: skip
    return folder


@pytest.fixture(scope="module")
def reward_models(tmp_path_factory, data, gpt2):
    values = [
        f"base={gpt2}",
        f"output={tmp_path_factory.mktemp('rewards') / 'run'}",
        f"objectives.harmless.train={data / 'harmless_train.csv'}",
        f"objectives.harmless.eval={data / 'harmless_val.csv'}",
        f"objectives.humor.train={data / 'humour_train.csv'}",
    ]
    return train(load_recipe(MINIATURES / "reward-model.yaml", values))


def values_for(method, output, data, llama, *others):
    files = {
        "sft": [f"train={data / 'train.json'}", f"eval={data / 'val.json'}"],
        "cdpo": [f"train={data / 'train.csv'}", f"eval={data / 'val.csv'}"],
        "morlhf": [f"train={data / 'prompts.csv'}"],
    }
    return [f"base={llama}", f"output={output}", *files[method], *others]


def lines_of(report):
    lines = (report.model.parent / "training_log.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def answers(folder, prompts):
    """What a trained folder says, loaded as it is."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder)
    told = folder / "metaaligner.json"
    prefix = json.loads(told.read_text()).get("prompt_prefix", "") if told.exists() else ""
    said = []
    for prompt in prompts:
        ids = tokenizer(prefix + prompt, return_tensors="pt")["input_ids"]
        made = model.generate(input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens=8)
        said.append(tokenizer.decode(made[0, ids.shape[1] :], skip_special_tokens=True))
    return said


def test_reward_models_learn_their_objectives(reward_models, data):
    harmless, humor = reward_models.stages
    assert (harmless.name, harmless.examples, harmless.too_long, harmless.steps) == (
        "harmless", 20, 1, 8,
    )  # fmt: skip
    assert humor.too_long == 0
    assert harmless.eval_loss is not None
    assert harmless.seconds > 0
    assert (harmless.processes, harmless.device) == (1, "cpu")
    told = json.loads((reward_models.model / "humor" / "metaaligner.json").read_text())
    assert (told["objective"], told["response_only"]) == ("humor", False)
    assert told["device_seconds"] == {"cpu": humor.seconds}
    scores = {
        name: SequenceReward(str(reward_models.model / name), device="cpu", response_only=False)(
            [(question(0), good(0)), (question(0), bad(0))]
        )
        for name in ("harmless", "humor")
    }
    assert scores["harmless"][0] > scores["harmless"][1]
    assert scores["humor"][0] < scores["humor"][1]
    card = (reward_models.model / "humor" / "README.md").read_text()
    assert "# A reward model for humor" in card
    assert "pipeline_tag: text-classification" in card


@pytest.fixture(scope="module")
def sft(tmp_path_factory, data, llama):
    values = values_for("sft", tmp_path_factory.mktemp("sft") / "run", data, llama)
    recipe = load_recipe(MINIATURES / "sft.yaml", values)
    return recipe, train(recipe)


def test_sft_is_asked_for_the_target_rewards(sft, reward_models):
    recipe, report = sft
    entries = [entry for entry in lines_of(report) if "loss" in entry]
    assert entries[-1]["loss"] < entries[0]["loss"] - 0.2
    assert [entry["seconds"] for entry in entries] == sorted(entry["seconds"] for entry in entries)
    told = json.loads((report.model / "metaaligner.json").read_text())
    assert told["method"] == "sft"
    assert told["prompt_prefix"] == ("<Harmlessness>: 4.19; <Helpfulness>: 3.03; <Humour>: 1.58 | ")
    said = answers(report.model, [question(1), question(2)])
    score = SequenceReward(str(reward_models.model / "harmless"), device="cpu", response_only=False)
    assert len(score([(question(i), text) for i, text in enumerate(said)])) == 2
    assert report == train(recipe)  # a finished run is not repeated


def test_cdpo_learns_which_answer_is_chosen(data, llama, tmp_path):
    recipe = load_recipe(
        MINIATURES / "cdpo.yaml", values_for("cdpo", tmp_path / "run", data, llama)
    )
    report = train(recipe)
    entries = [entry for entry in lines_of(report) if "rewards/margins" in entry]
    assert report.stages[0].steps == 8
    assert entries[0]["loss"] == pytest.approx(0.6931, abs=1e-3)  # policy and reference are one
    assert entries[-1]["rewards/margins"] > entries[0]["rewards/margins"]
    assert report.stages[0].eval_loss is not None
    assert (report.model.parent / "1-cdpo" / "adapter" / "adapter_config.json").exists()
    assert not list(report.model.glob("adapter*"))
    assert len(answers(report.model, [question(1)])) == 1


def test_morlhf_logs_each_objective_and_their_sum(data, llama, reward_models, tmp_path):
    rewards = [f"rewards.{name}={reward_models.model / name}" for name in ("harmless", "humor")]
    values = values_for("morlhf", tmp_path / "run", data, llama, *rewards)
    report = train(load_recipe(MINIATURES / "morlhf.yaml", values))
    entries = [entry for entry in lines_of(report) if "reward" in entry]
    assert len(entries) == 6
    for entry in entries:
        both = entry["rewards/harmless/mean"] + entry["rewards/humor/mean"]
        assert entry["reward"] == pytest.approx(0.5 * both, abs=1e-4)
        assert "kl" in entry
    assert len(answers(report.model, [question(1)])) == 1
    told = json.loads((report.model / "metaaligner.json").read_text())
    assert told["objectives"] == {"harmless": 0.5, "humor": 0.5}


def test_morlhf_takes_any_scorer(data, llama, tmp_path):
    path = tmp_path / "recipe.yaml"
    text = (MINIATURES / "morlhf.yaml").read_text()
    for name in ("harmless", "humor"):
        text = text.replace(f"runs/miniature-reward-models/final/{name}", "null")
    path.write_text(text)
    recipe = load_recipe(path, values_for("morlhf", tmp_path / "run", data, llama, "max_steps=2"))
    seen = []

    def length(pairs):
        seen.extend(pairs)
        return [float(len(answer)) for _, answer in pairs]

    report = train_morlhf(recipe, {"harmless": length, "humor": lambda pairs: [1.0] * len(pairs)})
    assert len(seen) == 2 * 4
    assert {prompt for prompt, _ in seen} <= {question(i) for i in range(24)}
    assert all(entry["rewards/humor/mean"] == 1 for entry in lines_of(report) if "reward" in entry)


def test_the_comparison_of_real_runs(data, llama, sft, reward_models, tmp_path):
    report = sft[1]
    arguments = []
    for name, folder in (("policy", llama), ("sft", report.model)):
        path = tmp_path / f"{name}.csv"
        said = answers(folder, [question(i) for i in range(6)])
        with path.open("w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(["query", "goldens", "generated_text"])
            rows.writerows((question(i), good(i), text) for i, text in enumerate(said))
        arguments.append(f"{name}={path}")
    for name in ("harmless", "humor"):
        arguments += ["--reward", f"{name}={reward_models.model / name}"]
    arguments += ["--model", f"sft={report.model}", "--output", str(tmp_path / "out")]
    done = CliRunner().invoke(app, ["evaluate", "compare", *arguments, "--device", "cpu"])
    assert done.exit_code == 0, done.output
    assert "comparison.md" in done.stdout
    assert (tmp_path / "out" / "pareto-harmless-humor.svg").exists()
    result = read_result(tmp_path / "out")
    systems = result.figures["systems"]
    assert set(systems) == {"policy", "sft"}
    assert systems["sft"]["seconds"] == {"cpu": report.stages[0].seconds}
    assert systems["sft"]["rows"] == 6
    wrong = ["--reward", f"helpful={reward_models.model / 'humor'}"]
    with pytest.raises(SettingError, match="that model was trained for humor"):
        CliRunner().invoke(
            app,
            ["evaluate", "compare", arguments[0], *wrong, "--output", str(tmp_path / "other")],
            catch_exceptions=False,
        )


def test_a_killed_run_resumes_to_the_same_final_loss(data, llama, reward_models, tmp_path):
    rewards = [f"rewards.{name}={reward_models.model / name}" for name in ("harmless", "humor")]
    others = [*rewards, "max_steps=24", "accumulation=2"]
    recipe = MINIATURES / "morlhf.yaml"
    straight = train(
        load_recipe(recipe, values_for("morlhf", tmp_path / "straight", data, llama, *others))
    )
    values = values_for("morlhf", tmp_path / "killed", data, llama, *others)
    folder = tmp_path / "killed" / "1-morlhf"
    killed(tmp_path / "killed", lambda: last_checkpoint(folder), "train", recipe, *values)
    assert not (tmp_path / "killed" / "final").exists()
    assert 0 < int(last_checkpoint(folder).name.removeprefix("checkpoint-")) < 24
    resumed = train(load_recipe(recipe, values))
    for key in ("loss", "reward"):
        found, wanted = (
            [entry[key] for entry in lines_of(report) if key in entry]
            for report in (resumed, straight)
        )
        assert found == pytest.approx(wanted, abs=1e-5), key


def test_two_processes(data, llama, tmp_path):
    values = values_for("cdpo", tmp_path / "run", data, llama, "eval=null", "max_steps=3")
    launcher = ("-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2")
    output = finished("train", MINIATURES / "cdpo.yaml", *values, launcher=launcher)
    assert output.count("/run/final\n") == 1  # the first process alone reports
    result = json.loads((tmp_path / "run" / "1-cdpo" / "result.json").read_text())
    assert (result["steps"], result["processes"]) == (3, 2)
    # Three steps of 2 processes x 4 pairs, of 20.
    assert result["log"][-1]["epoch"] == pytest.approx(24 / 20, abs=0.2)
    told = json.loads((tmp_path / "run" / "final" / "metaaligner.json").read_text())
    assert told["device_seconds"]["cpu"] == pytest.approx(2 * result["seconds"], abs=0.01)
    AutoModelForCausalLM.from_pretrained(tmp_path / "run" / "final")


def test_a_reward_model_of_another_objective_is_refused(data, llama, reward_models, tmp_path):
    rewards = [
        f"rewards.harmless={reward_models.model / 'humor'}",
        f"rewards.humor={reward_models.model / 'humor'}",
    ]
    values = values_for("morlhf", tmp_path / "run", data, llama, *rewards)
    recipe = load_recipe(MINIATURES / "morlhf.yaml", values)
    with pytest.raises(RecipeError, match="was trained for humor, but is to score harmless"):
        train(recipe)
    assert not (tmp_path / "run").exists()


def test_pairs_longer_than_the_positions_are_refused_first(data, gpt2, tmp_path):
    values = [
        f"base={gpt2}",
        f"output={tmp_path / 'run'}",
        f"objectives.harmless.train={data / 'harmless_train.csv'}",
        f"objectives.harmless.eval={data / 'harmless_val.csv'}",
        f"objectives.humor.train={data / 'humour_train.csv'}",
        "max_length=2048",
    ]
    with pytest.raises(RecipeError, match=r"max_length=2,048, but .* has 256 positions"):
        train(load_recipe(MINIATURES / "reward-model.yaml", values))


def test_a_base_without_an_end_is_refused(data, llama, tmp_path, tokenizer):
    base = tmp_path / "endless"
    AutoModelForCausalLM.from_pretrained(llama).save_pretrained(base)
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer.backend_tokenizer, bos_token="<s>"
    ).save_pretrained(base)
    for method in ("sft", "cdpo"):
        values = values_for(method, tmp_path / method, data, base)
        with pytest.raises(RecipeError, match="has no end-of-sequence token"):
            train(load_recipe(MINIATURES / f"{method}.yaml", values))
