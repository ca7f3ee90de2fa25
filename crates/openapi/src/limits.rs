//! How large a document may be, and what is made from it.

/// Bounds on reading a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most bytes of the document's text.
    pub max_bytes: usize,
    /// Most objects and arrays inside each other. The YAML reader recurses: a stack of two MiB
    /// holds 64 levels even without optimisation.
    pub max_depth: usize,
    /// Most operations.
    pub max_operations: usize,
    /// Most bytes of the schemas of one tool, with every schema they refer to. An operation over
    /// this bound is left out.
    pub max_tool_bytes: usize,
    /// Most bytes of the schemas of all tools together.
    pub max_total_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_bytes: 16 * 1024 * 1024,
            max_depth: 64,
            max_operations: 2000,
            max_tool_bytes: 256 * 1024,
            max_total_bytes: 32 * 1024 * 1024,
        }
    }
}
