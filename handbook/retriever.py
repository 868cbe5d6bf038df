"""The handbook as a langchain-core retriever, so that other chains can look interests up."""

from langchain_core.callbacks import AsyncCallbackManagerForRetrieverRun, CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from pydantic import ConfigDict

from handbook.index import HandbookIndex
from handbook.page import in_words


class HandbookRetriever(BaseRetriever):
    """Gives the interests nearest to a text as documents, best first.

    A document's content is the interest in words; its metadata has `id`, `category`, `name`, `tags` and `score`.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    index: HandbookIndex
    category: str = ""
    """Of the notes looked up for: its interests come with a bonus."""
    k: int = 8

    def _get_relevant_documents(self, query: str, *, run_manager: CallbackManagerForRetrieverRun) -> list[Document]:
        import numpy as np

        from notes.language import language_of

        vector = None
        if query.strip() and language_of(query) == "en":
            vector = np.asarray(self.index.encoder.embed_query(query), dtype=np.float32)
        found = self.index.nearest(query, vector, category=self.category, k=self.k)
        return [self._document(interest.id, interest.score) for interest in found]

    async def _aget_relevant_documents(
        self, query: str, *, run_manager: AsyncCallbackManagerForRetrieverRun
    ) -> list[Document]:
        found = await self.index.search(query, category=self.category, k=self.k)
        return [self._document(interest.id, interest.score) for interest in found]

    def _document(self, id: str, score: float) -> Document:
        interest = self.index.handbook.interests[id]
        metadata = {
            "id": id,
            "category": interest.category,
            "name": interest.name,
            "tags": list(interest.tags),
            "score": score,
        }
        return Document(id=id, page_content=in_words(interest), metadata=metadata)
