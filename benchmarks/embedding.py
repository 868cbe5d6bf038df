"""What a note's vector costs by a model in float32 and in bfloat16, and how far the two vectors are apart.

    python benchmarks/embedding.py [--notes 256] [--base minilm]

The base embeds the example notes again and again, zero-shot (PromptEOL's prompt), in turns with either precision.
Processor time, so that others on the machine matter less. Prints a table and, last, one line of JSON.
"""

import argparse
import json
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np

NOTES = Path(__file__).parent.parent / "examples" / "notes.jsonl"
ROUNDS = 3


def main() -> None:
    """Measure and print."""
    import torch

    import prompts
    from notes import Note
    from notes.reading import read_notes
    from recommend.model.base import open_base
    from recommend.model.network import network
    from recommend.model.notellm import NoteLLM
    from recommend.model.words import Prompter
    from teachers.precision import has_fast_bf16

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--notes", type=int, default=256, help="embedded in each round")
    parser.add_argument("--base", default="minilm", help="as of recommend train")
    options = parser.parse_args()
    read = [note for note in read_notes(NOTES) if isinstance(note, Note)]
    notes = [read[row % len(read)] for row in range(options.notes)]
    models: dict[str, NoteLLM] = {}
    for name, dtype in (("float32", torch.float32), ("bfloat16", torch.bfloat16)):
        base = open_base(options.base, dtype=dtype)
        net = network(base.model, hidden=base.hidden, dimension=0, temperature=0.0, alpha=0.0)
        models[name] = NoteLLM(base, net, Prompter(base.tokenizer, prompts.named("compression/v1")), form="word")
    vectors = {name: model.embed(notes) for name, model in models.items()}
    seconds: dict[str, list[float]] = {name: [] for name in models}
    for _ in range(ROUNDS):
        for name, model in models.items():
            started = time.process_time()
            model.embed(notes)
            seconds[name].append(time.process_time() - started)
    result: dict[str, Any] = {"base": options.base, "notes": len(notes), "threads": torch.get_num_threads()}
    result["fast_bf16"] = has_fast_bf16()
    for name, taken in seconds.items():
        result[f"{name}_notes_per_cpu_second"] = round(len(notes) / statistics.median(taken), 1)
    ratios = [one / other for one, other in zip(seconds["float32"], seconds["bfloat16"], strict=True)]
    result["times_faster"] = [round(ratio, 2) for ratio in (statistics.median(ratios), min(ratios), max(ratios))]
    result["least_cosine"] = round(float(np.min((vectors["float32"] * vectors["bfloat16"]).sum(axis=1))), 4)
    for key, value in result.items():
        print(f"{key:32}{value!s:>20}")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
