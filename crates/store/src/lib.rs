//! Durable state behind domain traits: audit trail, definition registry, sessions.
