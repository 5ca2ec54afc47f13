"""Posts bodies with aiohttp and nothing else; prints the CPU time of a post in microseconds.

Arguments: the URL, how many posts, the bytes of a body, how many posts at once.
"""

import asyncio
import sys
import time

import aiohttp


async def main() -> None:
    """Post them, and print what one took: imports and the session are not counted."""
    url, count, size, at_once = sys.argv[1], *map(int, sys.argv[2:])
    left = iter(range(count))
    headers = {"Content-Type": "application/json"}
    async with aiohttp.ClientSession() as session:

        async def post_some() -> None:
            for _ in left:
                async with session.post(url, data=b"x" * size, headers=headers) as answer:
                    await answer.read()
                    answer.raise_for_status()

        began = time.process_time()
        await asyncio.gather(*[post_some() for _ in range(at_once)])
        print((time.process_time() - began) / count * 1e6)


asyncio.run(main())
