"""Mails go out: at once where the server takes them, else from an outbox on disk until it does."""

from longcase.edge.post.post import OutboxPost, Patience

__all__ = ["OutboxPost", "Patience"]
