//! Connections to MCP servers: child processes over stdio, Streamable HTTP, era discovery.
