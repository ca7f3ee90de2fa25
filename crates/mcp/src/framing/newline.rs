//! Newline-delimited messages, as on stdio.

use super::FrameError;

/// Cuts a byte stream at `\n` (or `\r\n`). Empty lines are skipped; a line that is too long is
/// reported once and skipped to its end, however long it gets.
#[derive(Debug)]
pub struct LineDecoder {
    max_line: usize,
    buffer: Vec<u8>,
    /// Bytes of `buffer` that are handed out.
    taken: usize,
    /// Bytes of `buffer` that hold no line end.
    searched: usize,
    skipping: bool,
}

impl LineDecoder {
    /// Takes lines of up to `max_line` bytes, line end not counted.
    pub fn new(max_line: usize) -> Self {
        LineDecoder {
            max_line,
            buffer: Vec::new(),
            taken: 0,
            searched: 0,
            skipping: false,
        }
    }

    /// Adds what arrived.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.buffer.drain(..self.taken);
        self.searched -= self.taken;
        self.taken = 0;
        self.buffer.extend_from_slice(bytes);
    }

    /// The next line; `None` when more bytes are needed.
    pub fn next_line(&mut self) -> Option<Result<Vec<u8>, FrameError>> {
        loop {
            let unseen = self.buffer.get(self.searched..).unwrap_or_default();
            let Some(end) = memchr::memchr(b'\n', unseen).map(|at| self.searched + at) else {
                self.searched = self.buffer.len();
                return self.pending();
            };
            let line = self.buffer.get(self.taken..end).unwrap_or_default();
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            let skipped = std::mem::take(&mut self.skipping);
            let found = if skipped || line.is_empty() {
                None
            } else if line.len() > self.max_line {
                Some(Err(FrameError::TooLong {
                    limit: self.max_line,
                }))
            } else {
                Some(Ok(line.to_vec()))
            };
            self.taken = end + 1;
            self.searched = end + 1;
            if found.is_some() {
                return found;
            }
        }
    }

    /// The unfinished line at the end of the stream, if there is one.
    pub fn finish(&mut self) -> Option<Result<Vec<u8>, FrameError>> {
        self.feed(b"\n");
        self.next_line()
    }

    /// Gives up on an unfinished line that can only become too long.
    fn pending(&mut self) -> Option<Result<Vec<u8>, FrameError>> {
        let line = self.buffer.get(self.taken..).unwrap_or_default();
        let too_long = line.strip_suffix(b"\r").unwrap_or(line).len() > self.max_line;
        if !self.skipping && !too_long {
            return None;
        }
        self.buffer.clear();
        self.taken = 0;
        self.searched = 0;
        let first = !std::mem::replace(&mut self.skipping, true);
        first.then_some(Err(FrameError::TooLong {
            limit: self.max_line,
        }))
    }
}

#[cfg(test)]
mod tests;
