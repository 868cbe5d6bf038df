"""Five questions a note with bespokelabs-curator; run in an environment of its own by benchmarks/teacher.py.

python curator_notes.py BASE_URL NOTES
"""

import os
import sys
import tempfile
import time

os.environ |= {
    "CURATOR_DISABLE_CACHE": "1",
    "CURATOR_VIEWER": "0",
    "TELEMETRY_ENABLED": "0",
    "CURATOR_CACHE_DIR": tempfile.mkdtemp(),
    "OPENAI_API_KEY": "none",
}

import tiktoken

# It counts tokens for its rate limit with an encoding that it would download: bytes do as well.
_BYTES = {bytes([value]): value for value in range(256)}
tiktoken.get_encoding = lambda name: tiktoken.Encoding(
    name, pat_str=r"\S+|\s+", mergeable_ranks=_BYTES, special_tokens={}
)

from bespokelabs import curator  # noqa: E402 - after what it looks up


class Asker(curator.LLM):
    """One question about a note."""

    def prompt(self, row):
        return f"{row['question']}\n\n{row['note']}"

    def parse(self, row, response):
        return {"note": row["note"], "answer": response}


def main(base_url: str, count: int) -> None:
    limits = {"max_requests_per_minute": 10_000_000, "max_tokens_per_minute": 10_000_000_000}
    backend = {"base_url": base_url, "api_key": "none", "max_concurrent_requests": 64, **limits}
    text = "We walked along the bay at night, the skyline was bright. " * 8
    rows = [{"question": f"Question {step}?", "note": f"{n} {text}"} for n in range(count) for step in range(5)]
    asker = Asker(model_name="constant", backend="openai", backend_params=backend)
    asker([{"question": "Warm?", "note": "up"}])
    begun = time.perf_counter()
    asker(rows)
    print(count / (time.perf_counter() - begun))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
