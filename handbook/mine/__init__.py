"""Mining: from notes and what people did with them to interests."""
