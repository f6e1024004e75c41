"""Many deadlines by one timer: each is kept, and what is done in time is left alone."""

import asyncio

from fraudline_ingest.deadlines import Deadlines

SOON = 0.01


class Expired(list[float]):
    """Makes what is past its time done, and notes when that was."""

    def __call__(self, future: asyncio.Future[None]) -> None:
        self.append(asyncio.get_running_loop().time())
        future.set_result(None)


async def test_each_is_ended_at_its_time_in_whatever_order_they_were_added() -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    expired = Expired()
    deadlines = Deadlines(expired)
    futures: list[asyncio.Future[None]] = [loop.create_future() for _ in range(3)]

    for future, seconds in zip(futures, (2 * SOON, SOON, 3 * SOON), strict=True):
        deadlines.add(future, by=began + seconds)
    async with asyncio.timeout(5):
        await asyncio.gather(*futures)

    assert all(moment - began >= number * SOON - 0.002 for number, moment in enumerate(expired, 1))


async def test_what_is_done_in_time_is_left_alone_and_forgotten() -> None:
    loop = asyncio.get_running_loop()
    expired = Expired()
    deadlines = Deadlines(expired)
    by = loop.time() + SOON
    for _ in range(1_000):
        future: asyncio.Future[None] = loop.create_future()
        deadlines.add(future, by=by)
        future.set_result(None)
    last = loop.create_future()
    deadlines.add(last, by=by)

    assert len(deadlines) == 1
    async with asyncio.timeout(5):
        await last
    assert (len(expired), len(deadlines)) == (1, 0)
