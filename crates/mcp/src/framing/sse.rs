//! Server-sent events (WHATWG HTML, "Server-sent events").

use super::FrameError;

/// One event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SseEvent {
    /// Its type; `None` means `message`.
    pub event: Option<String>,
    /// The last event id that the stream has given, here or before.
    pub id: Option<String>,
    /// Its data, lines joined by `\n`.
    pub data: String,
    /// The reconnection time in milliseconds, when this event's block set one.
    pub retry: Option<u64>,
}

/// Cuts a byte stream into events. A byte order mark, comments and all three line ends are understood;
/// an event that is too long or not UTF-8 is reported once and skipped to its end.
#[derive(Debug)]
pub struct SseDecoder {
    max_event: usize,
    buffer: Vec<u8>,
    /// Bytes of `buffer` that are read.
    taken: usize,
    /// Bytes of `buffer` that hold no line end.
    searched: usize,
    started: bool,
    /// The last line ended in `\r`, so a `\n` that follows belongs to it.
    after_cr: bool,
    /// An error was reported; everything up to the next blank line is skipped.
    skipping: bool,
    /// The line being skipped has bytes that are already dropped, so it is not blank.
    inside_line: bool,
    last_id: Option<String>,
    event: Option<String>,
    data: Option<String>,
    retry: Option<u64>,
}

impl SseDecoder {
    /// Takes events whose lines, and whose data, are up to `max_event` bytes long.
    pub fn new(max_event: usize) -> Self {
        SseDecoder {
            max_event,
            buffer: Vec::new(),
            taken: 0,
            searched: 0,
            started: false,
            after_cr: false,
            skipping: false,
            inside_line: false,
            last_id: None,
            event: None,
            data: None,
            retry: None,
        }
    }

    /// Adds what arrived.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.buffer.drain(..self.taken);
        self.searched -= self.taken;
        self.taken = 0;
        self.buffer.extend_from_slice(bytes);
    }

    /// The next event; `None` when more bytes are needed. An event that the stream ends in the middle
    /// of is never given, as the standard asks.
    pub fn next_event(&mut self) -> Option<Result<SseEvent, FrameError>> {
        if !self.start() {
            return None;
        }
        loop {
            if self.after_cr {
                match self.buffer.get(self.taken) {
                    None => return None,
                    Some(b'\n') => {
                        self.taken += 1;
                        self.searched = self.taken;
                    }
                    Some(_) => {}
                }
                self.after_cr = false;
            }
            let unseen = self.buffer.get(self.searched..).unwrap_or_default();
            let Some(end) = memchr::memchr2(b'\r', b'\n', unseen).map(|at| self.searched + at)
            else {
                self.searched = self.buffer.len();
                return self.pending();
            };
            self.after_cr = self.buffer.get(end) == Some(&b'\r');
            // The line is read where it lies; nothing below looks at the buffer.
            let buffer = std::mem::take(&mut self.buffer);
            let found = self.line(buffer.get(self.taken..end).unwrap_or_default());
            self.buffer = buffer;
            self.taken = end + 1;
            self.searched = end + 1;
            if found.is_some() {
                return found;
            }
        }
    }

    /// Drops a byte order mark; `false` while the first bytes may still become one.
    fn start(&mut self) -> bool {
        const MARK: &[u8] = b"\xef\xbb\xbf";
        if !self.started {
            if self.buffer.len() < MARK.len() && MARK.starts_with(&self.buffer) {
                return false;
            }
            self.started = true;
            if self.buffer.starts_with(MARK) {
                self.taken = MARK.len();
                self.searched = MARK.len();
            }
        }
        true
    }

    fn line(&mut self, line: &[u8]) -> Option<Result<SseEvent, FrameError>> {
        let inside_line = std::mem::take(&mut self.inside_line);
        if self.skipping {
            self.skipping = inside_line || !line.is_empty();
            return None;
        }
        if line.is_empty() {
            return self.dispatch().map(Ok);
        }
        if line.len() > self.max_event {
            return self.skip(FrameError::TooLong {
                limit: self.max_event,
            });
        }
        let Ok(line) = std::str::from_utf8(line) else {
            return self.skip(FrameError::NotUtf8);
        };
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "data" => match &mut self.data {
                Some(data) if data.len() + 1 + value.len() > self.max_event => {
                    return self.skip(FrameError::TooLong {
                        limit: self.max_event,
                    });
                }
                Some(data) => {
                    data.push('\n');
                    data.push_str(value);
                }
                None => self.data = Some(value.to_owned()),
            },
            "event" => self.event = (!value.is_empty()).then(|| value.to_owned()),
            "id" if !value.contains('\0') => self.last_id = Some(value.to_owned()),
            "retry" if !value.is_empty() && value.bytes().all(|c| c.is_ascii_digit()) => {
                self.retry = value.parse().ok();
            }
            _ => {}
        }
        None
    }

    /// The end of a block. A block without data is no event, but its id and retry time still count.
    fn dispatch(&mut self) -> Option<SseEvent> {
        let event = self.event.take();
        let data = self.data.take()?;
        Some(SseEvent {
            event,
            id: self.last_id.clone(),
            data,
            retry: self.retry.take(),
        })
    }

    fn skip(&mut self, error: FrameError) -> Option<Result<SseEvent, FrameError>> {
        self.skipping = true;
        self.event = None;
        self.data = None;
        Some(Err(error))
    }

    /// Gives up on an unfinished line that is too long already.
    fn pending(&mut self) -> Option<Result<SseEvent, FrameError>> {
        let waiting = self.buffer.len() - self.taken;
        if !self.skipping && waiting <= self.max_event {
            return None;
        }
        self.inside_line |= waiting > 0;
        self.buffer.clear();
        self.taken = 0;
        self.searched = 0;
        if self.skipping {
            None
        } else {
            self.skip(FrameError::TooLong {
                limit: self.max_event,
            })
        }
    }
}

/// Appends one event. Data with line ends becomes several `data:` lines. An id that a stream cannot
/// carry (with a line end or NUL) is left out.
pub fn write_event(out: &mut Vec<u8>, id: Option<&str>, data: &str) {
    if let Some(id) = id.filter(|id| !id.contains(['\r', '\n', '\0'])) {
        out.extend_from_slice(b"id: ");
        out.extend_from_slice(id.as_bytes());
        out.push(b'\n');
    }
    for line in data.replace("\r\n", "\n").split(['\r', '\n']) {
        out.extend_from_slice(b"data: ");
        out.extend_from_slice(line.as_bytes());
        out.push(b'\n');
    }
    out.push(b'\n');
}

#[cfg(test)]
mod tests;
