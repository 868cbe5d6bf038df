"""Five questions a note with distilabel; run in an environment of its own by benchmarks/teacher.py.

python distilabel_notes.py BASE_URL NOTES
"""

import sys
import time

from distilabel.models import OpenAILLM
from distilabel.pipeline import Pipeline
from distilabel.steps import LoadDataFromDicts
from distilabel.steps.tasks import TextGeneration


def main(base_url: str, count: int) -> None:
    text = "We walked along the bay at night, the skyline was bright. " * 8
    rows = [{"instruction": f"{number} {text}"} for number in range(count)]
    with Pipeline("notes") as pipeline:
        last = LoadDataFromDicts(data=rows, batch_size=50)
        for step in range(5):
            llm = OpenAILLM(model="constant", base_url=base_url, api_key="none")
            task = TextGeneration(name=f"step_{step}", llm=llm, input_batch_size=50)
            task.output_mappings = {"generation": f"generation_{step}"}
            last >> task
            last = task
    begun = time.perf_counter()
    pipeline.run(use_cache=False)
    print(count / (time.perf_counter() - begun))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
