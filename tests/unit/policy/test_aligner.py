import os
import pickle
from types import SimpleNamespace

import pytest
from langchain_core.language_models import FakeListChatModel
from langchain_core.messages import AIMessage, HumanMessage
from unit.policy.stand_ins import FILE

from langchain_metaaligner import MetaAlignerRunnable
from langchain_metaaligner.errors import MetaAlignerError, ObjectiveError, PolicyError

VALUE = {"question": "Why is the sky blue?", "answer": "Look it up."}
PUBLIC, STAFF = "edited for Harm+Help", "edited for Read"


def within(context):
    """The config of a call inside a graph that was given a context."""
    return {"configurable": {"__pregel_runtime": SimpleNamespace(context=context)}}


@pytest.fixture
def aligner(path):
    return MetaAlignerRunnable.from_policy(path)


@pytest.mark.parametrize(
    ("config", "answer"),
    [
        ({}, PUBLIC),
        ({"configurable": {"tier": "staff"}}, STAFF),
        ({"configurable": {"tier": "admin"}}, STAFF),
        ({"configurable": {"tier": "guest"}}, PUBLIC),
        ({"tags": ["internal", "other"]}, STAFF),
        ({"tags": ["external"]}, PUBLIC),
        (
            {"configurable": {"__pregel_runtime": SimpleNamespace(context={"team": "support"})}},
            STAFF,
        ),
        ({"configurable": {"__pregel_runtime": SimpleNamespace(context=None)}}, PUBLIC),
    ],
)
async def test_every_face_follows_the_rules(aligner, config, answer):
    assert aligner.invoke(VALUE, config)["answer"] == answer
    assert (await aligner.ainvoke(VALUE, config))["answer"] == answer
    assert aligner.batch([VALUE] * 2, config)[1]["answer"] == answer
    assert (await aligner.abatch([VALUE] * 2, config))[1]["answer"] == answer
    assert list(aligner.stream(VALUE, config))[-1]["answer"].endswith(answer.split()[-1])
    chunks = [chunk async for chunk in aligner.astream(VALUE, config)]
    assert chunks[-1]["answer"].endswith(answer.split()[-1])
    assert aligner.align("Why?", "So.", config).text == answer
    assert (await aligner.aalign("Why?", "So.", config)).text == answer


def test_the_language_of_a_draft_can_decide(aligner):
    german = "Das steht doch überall, das können Sie wirklich selbst nachschlagen."
    english = "That is written everywhere, and you can really look it up yourself."
    assert aligner.invoke({**VALUE, "answer": german})["answer"] == STAFF
    assert aligner.invoke({**VALUE, "answer": english})["answer"] == PUBLIC


def test_a_batch_keeps_its_order_over_several_policies(aligner):
    configs = [{"configurable": {"tier": tier}} for tier in ("staff", "guest", "staff", "guest")]
    made = aligner.batch([VALUE] * 4, configs)
    assert [one["answer"] for one in made] == [STAFF, PUBLIC] * 2
    records = aligner.align_batch([("Why?", "So.")] * 4, configs)
    assert [one.text for one in records] == [STAFF, PUBLIC] * 2


def test_it_stands_in_chains_and_graphs(aligner):
    chain = FakeListChatModel(responses=["Look it up."]) | aligner
    assert chain.invoke("Why is the sky blue?").content == PUBLIC
    assert "".join(chunk.content for chunk in chain.stream("Why is the sky blue?")) == PUBLIC
    config = {"configurable": {"tier": "staff"}}
    assert chain.invoke("Why is the sky blue?", config).content == STAFF
    state = {"messages": [HumanMessage("Why?"), AIMessage("So.")]}
    assert aligner.as_node().invoke(state, config)["messages"][0].content == STAFF


def test_a_request_asks_for_what_its_policy_offers(aligner):
    asked = {"configurable": {"objectives": ["fair"]}}
    assert aligner.invoke(VALUE, asked)["answer"] == "edited for Fair"
    with pytest.raises(ObjectiveError, match="does not offer"):
        aligner.invoke(VALUE, {"configurable": {"objectives": ["readable"]}})
    with pytest.raises(ObjectiveError, match="takes none"):
        aligner.invoke(VALUE, {"configurable": {"objectives": ["fair"], "tier": "staff"}})


def test_a_changed_file_counts_at_once_and_a_wrong_one_not_at_all(aligner, path, caplog):
    text = path.read_text()
    path.write_text(text.replace("[harmless, helpful]", "[fair]"))
    assert aligner.invoke(VALUE)["answer"] == "edited for Fair"
    path.write_text(text.replace("objectives: [harmless, helpful]", "objectvs: [fair]"))
    for _ in range(3):
        assert aligner.invoke(VALUE)["answer"] == "edited for Fair"
    path.unlink()
    assert aligner.invoke(VALUE)["answer"] == "edited for Fair"
    errors = [one.getMessage() for one in caplog.records if one.levelname == "ERROR"]
    assert len(errors) == 2, "each wrong file is told of once"
    assert "line 3" in errors[0]
    replaced = path.with_suffix(".new")
    replaced.write_text(text)
    os.replace(replaced, path)
    assert aligner.invoke(VALUE)["answer"] == PUBLIC


def test_it_can_be_copied_and_sent_to_another_process(aligner):
    twin = pickle.loads(pickle.dumps(aligner))
    assert twin.invoke(VALUE)["answer"] == PUBLIC


def test_requests_may_set_the_keys_of_the_rules(aligner):
    assert {spec.id for spec in aligner.config_specs} >= {"objectives", "tier"}


def test_the_policy_of_a_run_stands_in_its_metadata(aligner):
    _, config = aligner.chosen(VALUE, {"tags": ["internal"]})
    assert config["metadata"]["metaaligner_policy"] == "staff"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ("objectives: [harmles]", "line 3: a: Unknown objective 'harmles'. Did you mean"),
        ("objectives: []", "line 3"),
        ("objectives: [fair]\n    model: no/folder/here", "line 4"),
        ("objectives: [fair]\n    candidates: 3", "line 4"),
        ("objectives: [fair]\n    checks: [CodeKpt]", "line 4: a: checks: there is no check"),
        ("objectives: [fair]\n    checks: [LengthKept: {longest: 2}]", "line 4"),
        ("objectives: [fair]\n    checks: [LengthKept: {longer: -1}]", "line "),
    ],
)
def test_an_option_that_cannot_work_names_its_line(write, options, says):
    path = write(f"policies:\n  a:\n    {options}\n")
    with pytest.raises(PolicyError) as error:
        MetaAlignerRunnable.from_policy(path)
    assert says in str(error.value)
    assert isinstance(error.value, MetaAlignerError)


def test_a_middleware_follows_the_same_file(path):
    agents = pytest.importorskip("langchain.agents")
    from langchain_metaaligner.middleware import MetaAlignerMiddleware

    agent = agents.create_agent(
        FakeListChatModel(responses=["Look it up."]),
        middleware=[MetaAlignerMiddleware.from_policy(path)],
    )
    asked = {"messages": [("human", "Why is the sky blue?")]}
    assert agent.invoke(asked)["messages"][-1].content == PUBLIC
    config = {"configurable": {"tier": "staff"}}
    assert agent.invoke(asked, config)["messages"][-1].content == STAFF
    assert agent.invoke(asked, context={"team": "support"})["messages"][-1].content == STAFF


def test_a_middleware_refuses_before_its_model_has_cost_anything(write):
    agents = pytest.importorskip("langchain.agents")
    from langchain_metaaligner.middleware import MetaAlignerMiddleware

    middleware = MetaAlignerMiddleware.from_policy(write(FILE.replace("language: de", "tags: de")))
    agent = agents.create_agent(FakeListChatModel(responses=["So."]), middleware=[middleware])
    asked, wants = {"messages": [("human", "Why?")]}, {"objectives": ["fair"]}
    assert agent.invoke(asked, {"configurable": wants})["messages"][-1].content == "edited for Fair"
    with pytest.raises(ObjectiveError, match="takes none"):
        agent.invoke(asked, {"configurable": {**wants, "tier": "staff"}})


def test_policies_of_an_agent_agree_on_what_it_has_one_of(write):
    pytest.importorskip("langchain.agents")
    from langchain_metaaligner.middleware import MetaAlignerMiddleware

    text = FILE.replace("request_objectives: none", "request_objectives: none\n    answer_key: out")
    with pytest.raises(PolicyError, match="answer_key of the policy 'staff'"):
        MetaAlignerMiddleware.from_policy(write(text))
