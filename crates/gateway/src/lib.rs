//! The data plane: one typed path from a host's message to a server and back.
