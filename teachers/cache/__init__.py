"""Answers of models, kept by the exact request, and questions about them."""

from teachers.cache.keys import PictureUnknown, RequestKey, canonical, key_of, request_key
from teachers.cache.requests import Answer, Fetched, RequestCache
from teachers.cache.uses import Counts

__all__ = [
    "Answer",
    "Counts",
    "Fetched",
    "PictureUnknown",
    "RequestCache",
    "RequestKey",
    "canonical",
    "key_of",
    "request_key",
]
