//! The configuration files of MCP hosts (Claude, Cursor, VS Code and others), read without IO.
