//! The MCP wire: a strict, raw-preserving, sans-IO model of JSON-RPC and of every protocol revision.
