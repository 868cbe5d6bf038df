"""A vLLM teacher: its managed server, and what a server is probed for before it is used."""

from teachers.vllm.keeper import Patience
from teachers.vllm.launch import ServerError
from teachers.vllm.ports import PortHeld
from teachers.vllm.probe import Probe, UnfitServer, require_fit
from teachers.vllm.server import ManagedServer

__all__ = ["ManagedServer", "Patience", "PortHeld", "Probe", "ServerError", "UnfitServer", "require_fit"]
