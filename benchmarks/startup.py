"""Processor time until `tagllm --help` has answered, beside a bare interpreter: median of ten.

python benchmarks/startup.py
"""

import json
import os
import statistics
import subprocess
import sys


def seconds(command: list[str]) -> float:
    """User and system time of one run."""
    before = os.times()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    after = os.times()
    return after.children_user - before.children_user + after.children_system - before.children_system


def main() -> None:
    """Measure and print."""
    sides = {"help": [sys.executable, "-m", "tagllm", "--help"], "python": [sys.executable, "-c", "pass"]}
    times: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(11):
        for name, command in sides.items():
            times[name].append(seconds(command))
    result = {f"{name}_cpu_s": round(statistics.median(found[1:]), 3) for name, found in times.items()}
    for name, value in result.items():
        print(f"{name:24} {value}")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
