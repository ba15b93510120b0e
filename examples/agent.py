"""An agent with a tool and a checkpointer, whose answers are corrected with all controls on.

``pip install 'langchain-metaaligner[agents]'``, then ``python examples/agent.py``. `Clerk` stands
in for your chat model, so that the example runs as it is; `answer` is what a service would call.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

from langchain.agents import create_agent
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver

from langchain_metaaligner import MetaAlignerMiddleware
from langchain_metaaligner.checks import CodeKept, LengthKept, NothingNew

HOURS = {"museum": "9:00 to 17:30", "library": "10:00 to 19:00", "pool": "6:30 to 21:00"}


@tool
def opening_hours(place: str) -> str:
    """When a place is open."""
    return HOURS.get(place, "not known")


class Clerk(BaseChatModel):
    """Looks the place up, and answers as nobody should."""

    @property
    def _llm_type(self) -> str:
        return "clerk"

    def bind_tools(self, tools: Any, **kwargs: Any) -> Any:
        """The same: it knows its one tool."""
        return self

    def _generate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        last = messages[-1]
        if isinstance(last, ToolMessage):
            message = AIMessage(f"The place is open from {last.text}. Nobody likes you.")
        else:
            place = next((name for name in HOURS if name in last.text), "moon")
            call = {"name": "opening_hours", "args": {"place": place}, "id": "1"}
            message = AIMessage("", tool_calls=[call])
        return ChatResult(generations=[ChatGeneration(message=message)])


def make_agent(model: BaseChatModel, **options: Any) -> Any:
    """The agent.

    Args:
        model: the chat model.
        **options: other options of the middleware, such as ``llm``.
    """
    middleware = MetaAlignerMiddleware(
        objectives=["harmless", "helpful"],
        preserve=["numbers", "urls"],
        checks=[CodeKept(), LengthKept(longer=2.0), NothingNew("numbers", "urls")],
        check_timeout=5,
        timeout=20,
        max_waiting=200,
        retries=1,
        on_failure="refuse",
        refusal="I cannot answer that at the moment.",
        record="slim",
        **options,
    )
    return create_agent(
        model, tools=[opening_hours], middleware=[middleware], checkpointer=InMemorySaver()
    )


async def answer(agent: Any, question: str, thread: str) -> AsyncIterator[str]:
    """The words of an answer, as a browser would get them."""
    parts = agent.astream(
        {"messages": [{"role": "user", "content": question}]},
        {"configurable": {"thread_id": thread}},
        stream_mode="messages",
    )
    async for part, _ in parts:
        if isinstance(part, AIMessage | AIMessageChunk) and part.text:
            yield part.text


async def main(questions: Sequence[str] = ("When does the museum open?",)) -> None:
    """Ask a few questions."""
    agent = make_agent(Clerk())
    for number, question in enumerate(questions):
        print(f"> {question}")
        async for word in answer(agent, question, f"thread-{number}"):
            print(word, end="", flush=True)
        print()


if __name__ == "__main__":
    asyncio.run(main())
