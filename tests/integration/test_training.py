"""Aligner training end to end on a tiny Llama: every code path of the recipes/miniature files."""

import csv
import json
from pathlib import Path

import pytest
import torch
from processes import finished, killed
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from langchain_metaaligner import AlignerLLM, MetaAlignerRunnable
from langchain_metaaligner.data import build_hh_rlhf, score_dialogues
from langchain_metaaligner.data.hh_rlhf import COLUMNS
from langchain_metaaligner.data.synthetic import build_synthetic
from langchain_metaaligner.errors import RecipeError
from langchain_metaaligner.training import load_recipe, train
from langchain_metaaligner.training.stages import last_checkpoint

pytestmark = pytest.mark.usefixtures("one_thread")
MINIATURES = Path(__file__).parents[2] / "recipes" / "miniature"
SUBJECTS = ("bread", "tea", "a bicycle", "the garden", "a letter", "rice", "the window", "a coat")


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pairs")
    with (folder / "scored.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(COLUMNS)
        for i in range(64):
            subject = SUBJECTS[i % len(SUBJECTS)]
            rows.writerow(
                [
                    f"\n\nHuman: How do I keep {subject}, number {i}? \n\nAssistant:",
                    f"Keep {subject} dry. Ask me for more.",
                    f"Keep {subject} wherever.",
                    *(1, 0, i % 2, i % 2, i % 3, 1),
                ]
            )
    build_hh_rlhf(folder / "scored.csv", folder, seed=0, warm_up=0.5)
    return folder


@pytest.fixture(scope="module")
def base(tmp_path_factory, pairs):
    folder = tmp_path_factory.mktemp("tiny")
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=["<unk>", "<s>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([(pairs / "scored.csv").read_text()], trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", 1)]
    )
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="<unk>", bos_token="<s>", eos_token="</s>"
    ).save_pretrained(folder)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=tokenizer.get_vocab_size(), hidden_size=32, intermediate_size=64,
        num_hidden_layers=2, num_attention_heads=2, max_position_embeddings=1024,
        bos_token_id=1, eos_token_id=2,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


def changes(base, pairs, output, *others):
    return [
        f"base={base}",
        f"output={output}",
        f"stages.contrastive.train={pairs / 'no_equal' / 'train.json'}",
        *others,
    ]


def losses(output):
    lines = (output / "training_log.jsonl").read_text().splitlines()
    return [entry["loss"] for entry in map(json.loads, lines) if "loss" in entry]


def test_three_stages_of_full_fine_tuning(base, pairs, tmp_path):
    others = [
        f"stages.warm_up.train={pairs / 'datasets' / 'warm_up_train'}",
        f"stages.equal.train={pairs / 'all_equal' / 'train.json'}",
        f"stages.contrastive.eval={pairs / 'no_equal' / 'val.json'}",
    ]
    recipe = load_recipe(MINIATURES / "full.yaml", changes(base, pairs, tmp_path / "run", *others))
    report = train(recipe)
    assert [stage.name for stage in report.stages] == ["warm_up", "equal", "contrastive"]
    assert [stage.steps for stage in report.stages] == [4, 4, 8]
    assert report.stages[-1].eval_loss < report.stages[0].log[0]["loss"]
    found = losses(tmp_path / "run")
    assert len(found) == 16
    assert found[-1] < found[0] - 0.3

    aligner = MetaAlignerRunnable(objectives=["harmless"], model=str(report.model))
    assert aligner.edit_template.name == "HH-RLHF"
    alignment = aligner.align("How do I keep tea?", "Keep tea wherever.")
    assert alignment.original == "Keep tea wherever."
    card = (report.model / "README.md").read_text()
    assert card.startswith("---\nlicense: mit\n")
    assert f"| contrastive | train.json | {report.stages[2].examples} | 0 | 8 |" in card
    assert report == train(recipe)  # a finished run is not repeated
    with pytest.raises(RecipeError, match="holds a run of another recipe"):
        train(recipe.model_copy(update={"seed": 1}))


def test_lora_is_merged_and_its_adapter_kept(base, pairs, tmp_path):
    values = changes(base, pairs, tmp_path / "run")
    report = train(load_recipe(MINIATURES / "lora.yaml", values))
    llm = AlignerLLM.from_pretrained(str(report.model), device="cpu", max_new_tokens=4)
    assert isinstance(llm.invoke("Keep"), str)
    assert (tmp_path / "run" / "1-contrastive" / "adapter" / "adapter_config.json").exists()
    assert not list(report.model.glob("adapter*"))
    before = LlamaForCausalLM.from_pretrained(base).state_dict()
    after = LlamaForCausalLM.from_pretrained(report.model, dtype=torch.float32).state_dict()
    name = "model.layers.0.self_attn.q_proj.weight"
    assert set(before) == set(after)
    assert not torch.equal(before[name], after[name])


def test_departing_tokens_weigh_more(base, pairs, tmp_path):
    def run(name, weight):
        values = changes(base, pairs, tmp_path / name, f"departure_weight={weight}")
        train(load_recipe(MINIATURES / "lora.yaml", values))
        return losses(tmp_path / name)

    plain, near, heavy = run("plain", 1), run("near", 1.00001), run("heavy", 20)
    # The weighted loss is the stock trainer's where all weigh the same, also over several passes.
    assert near == pytest.approx(plain, abs=2e-3)
    assert max(abs(a - b) for a, b in zip(heavy, plain, strict=True)) > 1e-2


def test_a_killed_run_resumes_to_the_same_final_loss(base, pairs, tmp_path):
    recipe = str(MINIATURES / "resumed.yaml")
    straight = train(load_recipe(recipe, changes(base, pairs, tmp_path / "straight")))
    values = changes(base, pairs, tmp_path / "killed")
    folder = tmp_path / "killed" / "1-contrastive"
    killed(tmp_path / "killed", lambda: last_checkpoint(folder), "train", recipe, *values)
    assert not (tmp_path / "killed" / "final").exists()
    reached = int(last_checkpoint(folder).name.removeprefix("checkpoint-"))
    assert 0 < reached < 40
    resumed = train(load_recipe(recipe, values))
    assert losses(tmp_path / "killed") == pytest.approx(losses(tmp_path / "straight"), abs=1e-6)
    assert resumed.stages[0].loss == pytest.approx(straight.stages[0].loss, abs=1e-6)


def test_two_processes(base, pairs, tmp_path):
    values = changes(base, pairs, tmp_path / "run")
    launcher = ("-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2")
    recipe = MINIATURES / "two-process.yaml"
    output = finished("train", recipe, *values, launcher=launcher)
    assert output.count("/run/final\n") == 1  # the first process alone reports
    result = json.loads((tmp_path / "run" / "1-contrastive" / "result.json").read_text())
    assert result["steps"] == 8
    state = json.loads(
        (tmp_path / "run" / "1-contrastive" / "checkpoint-8" / "trainer_state.json").read_text()
    )
    # Eight steps of 2 processes x 4 examples.
    assert state["epoch"] == pytest.approx(64 / result["examples"], rel=0.15)
    assert len(list((tmp_path / "run" / "1-contrastive" / "checkpoint-8").glob("rng_state*"))) == 2
    AlignerLLM.from_pretrained(str(tmp_path / "run" / "final"), device="cpu")


def test_real_dialogues_become_an_aligner(texts, base, tmp_path):
    rewards = {
        "harmless": lambda pairs: [-float(len(answer)) for _, answer in pairs],
        "helpful": lambda pairs: [float(len(answer)) for _, answer in pairs],
        "humor": lambda pairs: [float(answer.count("!")) for _, answer in pairs],
    }
    source = texts / "hh-rlhf" / "harmless-base-test.jsonl.gz"
    score_dialogues(source, tmp_path / "scored.csv", rewards)
    build_hh_rlhf(tmp_path / "scored.csv", tmp_path / "data", seed=0)
    values = changes(base, tmp_path / "data", tmp_path / "run", "max_length=1024")
    report = train(load_recipe(MINIATURES / "two-process.yaml", values))
    assert report.stages[0].examples > 500
    assert report.stages[0].too_long > 0
    AlignerLLM.from_pretrained(str(report.model), device="cpu")


def test_real_texts_become_an_aligner(texts, base, tmp_path):
    build_synthetic(texts, tmp_path / "data", seed=0, number=300, validation=30, words=(6, 40))
    values = changes(base, tmp_path / "data", tmp_path / "run", "max_length=1024")
    report = train(load_recipe(MINIATURES / "two-process.yaml", values))
    assert report.stages[0].examples > 100
    AlignerLLM.from_pretrained(str(report.model), device="cpu")
