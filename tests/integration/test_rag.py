"""Real RAG chains: a vector store, a retriever, and an aligner at the end."""

import pytest
from langchain_classic.chains import create_retrieval_chain
from langchain_classic.chains.combine_documents import create_stuff_documents_chain
from langchain_core.documents import Document
from langchain_core.embeddings import DeterministicFakeEmbedding
from langchain_core.language_models import FakeListChatModel
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableLambda, RunnablePassthrough
from langchain_core.vectorstores import InMemoryVectorStore

from langchain_metaaligner import MetaAlignerRunnable
from langchain_metaaligner.testing import FakeAlignerLLM

TEXTS = ["The museum opens at nine.", "It is closed on Mondays."]
DRAFT = "Look at the sign on the door."
EDIT = "It opens at nine, but not on Mondays."
PROMPT = ChatPromptTemplate.from_messages(
    [("system", "Answer from: {context}"), ("human", "{input}")]
)


@pytest.fixture
def retriever():
    store = InMemoryVectorStore(DeterministicFakeEmbedding(size=16))
    store.add_documents([Document(text) for text in TEXTS])
    return store.as_retriever(search_kwargs={"k": 2})


@pytest.fixture
def aligner():
    editor = FakeAlignerLLM(lambda prompt: EDIT)
    return MetaAlignerRunnable(objectives=["helpful"], llm=editor, template="UltraFeedback")


@pytest.fixture
def llm():
    return FakeListChatModel(responses=[DRAFT])


def test_retrieval_chain(retriever, aligner, llm):
    answering = create_stuff_documents_chain(llm, PROMPT)
    chain = create_retrieval_chain(retriever, answering) | aligner
    result = chain.invoke({"input": "When does it open?"})
    assert set(result) == {"input", "context", "answer"}
    assert result["answer"] == EDIT
    assert {document.page_content for document in result["context"]} == set(TEXTS)
    prompt = aligner.llm.calls[0][0]
    assert all(text in prompt for text in TEXTS)
    assert f"When does it open? | Answer: {DRAFT} | Edit: " in prompt


def test_retrieval_chain_streams(retriever, aligner, llm):
    answering = create_stuff_documents_chain(llm, PROMPT)
    chain = create_retrieval_chain(retriever, answering) | aligner
    chunks = list(chain.stream({"input": "When does it open?"}))
    assert len(chunks) > 3
    assert "".join(chunk.get("answer", "") for chunk in chunks) == EDIT


async def test_assign_form(retriever, aligner, llm):
    def join(documents):
        return "\n".join(document.page_content for document in documents)

    chain = (
        RunnablePassthrough.assign(context=RunnableLambda(lambda x: x["input"]) | retriever)
        .assign(
            answer=RunnablePassthrough.assign(context=lambda x: join(x["context"]))
            | PROMPT
            | llm
            | StrOutputParser()
        )
        .pipe(aligner)
    )
    assert chain.invoke({"input": "When does it open?"})["answer"] == EDIT
    assert (await chain.ainvoke({"input": "When does it open?"}))["answer"] == EDIT


def test_assign_with_the_aligner_inside(retriever, aligner, llm):
    chain = RunnablePassthrough.assign(
        answer=RunnablePassthrough.assign(context=RunnableLambda(lambda x: x["input"]) | retriever)
        | PROMPT
        | llm
        | aligner
        | StrOutputParser()
    )
    assert chain.invoke({"input": "When does it open?"}) == {
        "input": "When does it open?",
        "answer": EDIT,
    }
    assert " | Query: When does it open? | Answer: " in aligner.llm.calls[0][0]
