"""`python -m tagllm`."""

from tagllm.cli import main

main()
