"""The vendor's sample receiver in FastAPI; run by uvicorn or granian."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

from fastapi import FastAPI, HTTPException, Request
from vendor import INBOX, Inbox, verified_text

app = FastAPI()
# One thread commits, so that the event loop answers others meanwhile.
_writer = ThreadPoolExecutor(max_workers=1)
_inbox = Inbox(INBOX) if INBOX else None


@app.post("/webhook")
async def webhook(request: Request) -> dict[str, str]:
    text = verified_text(await request.body(), request.headers.get("X-Signature"))
    if text is None:
        raise HTTPException(401)
    if _inbox:
        await asyncio.get_running_loop().run_in_executor(_writer, _inbox.keep, text)
    return {"status": "accepted"}
