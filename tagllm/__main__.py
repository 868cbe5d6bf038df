"""`python -m tagllm`."""

from tagllm.cli import main

main(prog_name="tagllm")
