"""RAG with citations: the answer is corrected, and what it cites, counts and links to stays.

``pip install langchain-metaaligner``, then ``python examples/rag.py``. The model and the embeddings
are stand-ins, so that the example runs as it is.
"""

from __future__ import annotations

import asyncio
from operator import itemgetter
from typing import Any

from langchain_core.documents import Document
from langchain_core.embeddings import DeterministicFakeEmbedding, Embeddings
from langchain_core.runnables import Runnable, RunnableLambda, RunnablePassthrough
from langchain_core.vectorstores import InMemoryVectorStore

from langchain_metaaligner import MetaAlignerRunnable
from langchain_metaaligner.checks import Case, NothingNew, Refusal

TEXTS = {
    "museum": "The museum is open from 9:00 to 17:30. See https://museum.example/hours.",
    "library": "The library is open from 10:00 to 19:00. See https://library.example/hours.",
    "pool": "The pool is open from 6:30 to 21:00. See https://pool.example/hours.",
}


def make_retriever(embeddings: Embeddings) -> Runnable[str, list[Document]]:
    """Finds the texts for a question; here by the name of the place, as a stand-in has no sense."""
    store = InMemoryVectorStore(embeddings)
    store.add_documents(
        [Document(text, metadata={"place": place}) for place, text in TEXTS.items()]
    )

    def find(question: str) -> list[Document]:
        return store.similarity_search(
            question, k=2, filter=lambda document: document.metadata["place"] in question
        )

    return RunnableLambda(find)


def draft(value: dict[str, Any]) -> str:
    """What a model would answer from the texts, in a bad mood."""
    if not value["context"]:
        return "I have no text on that. Nobody likes you."
    cited = value["context"][0].page_content.replace(". See", " [1]. See")
    return f"{cited} Nobody likes you."


def cites_what_is_there(case: Case) -> Refusal | None:
    """Refuses an edit that cites a text which was not retrieved."""
    cited = {int(part[0]) for part in case.edit.split("[")[1:] if part[:1].isdigit()}
    if all(1 <= number <= len(case.context) for number in cited):
        return None
    return Refusal("citation", f"The edit cites {sorted(cited)} of {len(case.context)} texts.")


def make_chain(retriever: Runnable[str, list[Document]], **options: Any) -> Runnable[Any, Any]:
    """The chain: ``{"question"}`` goes in; ``context``, ``answer`` and ``record`` come with it.

    Args:
        retriever: finds the texts.
        **options: other options of the aligner, such as ``model`` or ``llm``.
    """
    aligner = MetaAlignerRunnable(
        objectives=["harmless"],
        preserve=["citations", "numbers", "urls"],
        checks=[NothingNew("numbers", "urls"), cites_what_is_there],
        timeout=20,
        max_waiting=200,
        retries=1,
        on_failure="refuse",
        refusal="I cannot answer that at the moment.",
        record="slim",
        record_key="record",
        **options,
    )
    return (
        RunnablePassthrough.assign(context=itemgetter("question") | retriever)
        .assign(answer=RunnableLambda(draft))
        .pipe(aligner)
    )


async def main() -> None:
    """Ask one question."""
    chain = make_chain(make_retriever(DeterministicFakeEmbedding(size=16)))
    result = await chain.ainvoke({"question": "When does the library open?"})
    print(result["answer"])


if __name__ == "__main__":
    asyncio.run(main())
