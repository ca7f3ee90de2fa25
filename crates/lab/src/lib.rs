//! Opponents and neighbours: research-assistant servers, a hostile server, a gullible host.
