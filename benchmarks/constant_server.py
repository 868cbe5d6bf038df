"""A chat server that answers every question at once with the same valid words, but for a number in the draft tags, so
that no two notes ask the same: what is left is what asking costs.

python benchmarks/constant_server.py PORT
"""

import itertools
import sys

import orjson
from aiohttp import web

_TAG = {"interest": 1, "source": "interest", "quote": "", "picture": 0}
_DRAFTS = {"tags": [{"tag": "night view", **_TAG, "score": 0.9}, {"tag": "bay skyline 000000", **_TAG, "score": 0.8}]}
_FINAL = {"tags": [{"number": 1, "tag": "night view", "confidence": 0.9}]}
_MATCHES = {
    "matches": [{"interest": 1, "why": "night", "source": "interest", "quote": "", "probability": 0.9}],
}
_PICTURES = {"descriptions": [{"number": 1, "shows": "a bay at night", "text": "", "details": []}]}
_BY_FIELD = (
    (b'"descriptions":{', _PICTURES),
    (b'"matches":{', _MATCHES),
    (b'"merges":{', {"merges": []}),
    (b'"confidence":{', _FINAL),
    (b'"tags":{', _DRAFTS),
)
"""By a field of the schema that is asked for; plain questions get plain words."""


def _body(answer: str) -> bytes:
    message = {"role": "assistant", "content": answer}
    return orjson.dumps(
        {
            "id": "constant",
            "object": "chat.completion",
            "created": 1,
            "model": "constant",
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120},
        }
    )


_ANSWERS = [(field, _body(orjson.dumps(answer).decode())) for field, answer in _BY_FIELD]
_NUMBERS = itertools.count()
_PLAIN = _body("a bay at night")


async def _chat(request: web.Request) -> web.Response:
    asked = await request.read()
    body = next((answer for field, answer in _ANSWERS if field in asked), _PLAIN)
    body = body.replace(b"000000", b"%06d" % next(_NUMBERS))
    return web.Response(body=body, content_type="application/json")


async def _models(_: web.Request) -> web.Response:
    return web.json_response({"object": "list", "data": [{"id": "constant", "object": "model"}]})


if __name__ == "__main__":
    app = web.Application(client_max_size=1 << 28)
    app.router.add_post("/v1/chat/completions", _chat)
    app.router.add_get("/v1/models", _models)
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), access_log=None, print=None)
