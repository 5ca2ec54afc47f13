"""The vendor's sample receiver in aiohttp, on uvloop. The argument is the port."""

import asyncio
import sys
from concurrent.futures import ThreadPoolExecutor

import uvloop
from aiohttp import web
from vendor import INBOX, Inbox, verified_text

# One thread commits, so that the event loop answers others meanwhile.
_writer = ThreadPoolExecutor(max_workers=1)
_inbox = Inbox(INBOX) if INBOX else None


async def webhook(request: web.Request) -> web.Response:
    text = verified_text(await request.read(), request.headers.get("X-Signature"))
    if text is None:
        raise web.HTTPUnauthorized
    if _inbox:
        await asyncio.get_running_loop().run_in_executor(_writer, _inbox.keep, text)
    return web.json_response({"status": "accepted"})


def main() -> None:
    app = web.Application()
    app.router.add_post("/webhook", webhook)
    web.run_app(
        app,
        host="127.0.0.1",
        port=int(sys.argv[1]),
        access_log=None,
        print=None,
        loop=uvloop.new_event_loop(),
    )


if __name__ == "__main__":
    main()
