import asyncio
from types import SimpleNamespace

import pytest

from langchain_metaaligner.serve.errors import RequestError
from langchain_metaaligner.serve.places import Places, while_wanted


class Connection:
    """A request whose client goes away when it is told to."""

    def __init__(self):
        self.left = asyncio.Event()

    async def receive(self):
        await self.left.wait()
        return {"type": "http.disconnect"}


def test_places_are_free_again_whatever_happens():
    seen = []
    places = Places(3, seen.append)
    with pytest.raises(ZeroDivisionError), places.taken(2):
        raise ZeroDivisionError
    assert places.under_way == 0
    assert seen == [2, 0]


def test_more_than_there_are_is_told_to_try_again():
    places = Places(3)
    with places.taken(2), pytest.raises(RequestError) as busy, places.taken(2):
        pass
    assert busy.value.status == 429
    assert places.under_way == 0


async def test_the_result_of_work_in_time():
    async def work():
        return 7

    assert await while_wanted(Connection(), work(), 5) == 7


async def test_work_ends_when_its_client_has_gone():
    connection, ended = Connection(), SimpleNamespace(cancelled=False)

    async def work():
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            ended.cancelled = True
            raise

    asking = asyncio.ensure_future(while_wanted(connection, work(), 60))
    await asyncio.sleep(0.01)
    connection.left.set()
    with pytest.raises(RequestError):
        await asking
    assert ended.cancelled


async def test_work_ends_when_its_caller_is_cancelled():
    ended = asyncio.Event()

    async def work():
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    asking = asyncio.ensure_future(while_wanted(Connection(), work(), 60))
    await asyncio.sleep(0.01)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert ended.is_set()


async def test_work_that_takes_too_long_is_told_so():
    with pytest.raises(RequestError) as late:
        await while_wanted(Connection(), asyncio.sleep(60), 0.01)
    assert late.value.status == 504
