//! One connection and the operation that it repeats.

use std::io::{Error, ErrorKind};

use memchr::memmem;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::net::TcpStream;

use super::credential::Credential;
use super::http::{Connection, Response};
use super::request::{ECHO, Target, Template};
use super::{Era, Load, Workload};
use crate::echo::{LARGE, PROGRESS};

/// How much of the end of an answer is searched for what must stand there.
const TAIL: usize = 1024;

/// A client with one connection, in a session where the era has them.
#[derive(Debug)]
pub(super) struct Caller {
    connection: Connection<TcpStream>,
    target: Target,
    workload: Workload,
    credential: Credential,
    first: Template,
    response: Response,
}

impl Caller {
    /// Connects, opens a session where there are sessions, and does the operation once.
    pub(super) async fn open(load: &Load, number: usize) -> Result<Self, Error> {
        let credential = Credential::new(load, number).map_err(|problem| wrong(&problem))?;
        let target = Target::parse(&load.url, load.era, credential.authorization())
            .ok_or_else(|| wrong("the address is no http://host:port/path"))?;
        let stream = TcpStream::connect(&target.authority).await?;
        stream.set_nodelay(true)?;
        let mut caller = Self {
            connection: Connection::new(stream),
            first: target.template(load.workload, number),
            target,
            workload: load.workload,
            credential,
            response: Response::default(),
        };
        if load.era == Era::Legacy {
            caller.open_session().await?;
            caller.first = caller.target.template(load.workload, number);
        }
        let first = caller.operate().await;
        // Proofs need a nonce, which the first answer names (RFC 9449 section 9).
        match caller.response.nonce.take() {
            Some(nonce) if caller.response.status == 401 => {
                let prepared = caller.credential.prepare(nonce, load);
                prepared.map_err(|problem| wrong(&problem))?;
                caller.operate().await?;
            }
            _ => first?,
        }
        Ok(caller)
    }

    /// Does the operation and looks whether the answer is one.
    pub(super) async fn operate(&mut self) -> Result<(), Error> {
        let proof = self.credential.proof().map_err(|problem| wrong(&problem))?;
        let request = match &proof {
            None => self.first.next(),
            Some(proof) => self.first.next_proven(proof),
        };
        self.connection
            .exchange(request, &mut self.response)
            .await?;
        self.answered()?;
        if self.workload != Workload::List {
            return Ok(());
        }
        while let Some(cursor) = next_cursor(&self.response.body)? {
            let mut page = self.target.list(Some(&cursor));
            self.connection
                .exchange(page.next(), &mut self.response)
                .await?;
            self.answered()?;
        }
        Ok(())
    }

    async fn open_session(&mut self) -> Result<(), Error> {
        let mut initialize = self.target.initialize();
        self.connection
            .exchange(initialize.next(), &mut self.response)
            .await?;
        if self.response.status != 200 {
            return Err(self.unexpected());
        }
        self.target.session = self.response.session.take();
        let initialized = self.target.notification("notifications/initialized");
        self.connection
            .exchange(&initialized, &mut self.response)
            .await?;
        match self.response.status {
            200..=299 => Ok(()),
            _ => Err(self.unexpected()),
        }
    }

    fn answered(&self) -> Result<(), Error> {
        let body = &self.response.body;
        let tail = body.get(body.len().saturating_sub(TAIL)..).unwrap_or(body);
        let has = |text: &str| memmem::find(tail, text.as_bytes()).is_some();
        let fits = match self.workload {
            Workload::Echo => has(ECHO),
            Workload::Large | Workload::LargeText => body.len() > LARGE,
            Workload::Progress => {
                let progress = memmem::find_iter(body, "notifications/progress").count();
                progress == PROGRESS && has(r#""done""#)
            }
            Workload::List => memmem::find(body, br#""tools":["#).is_some(),
        };
        if self.response.status == 200 && fits {
            return Ok(());
        }
        Err(self.unexpected())
    }

    fn unexpected(&self) -> Error {
        let body = String::from_utf8_lossy(&self.response.body);
        let start: String = body.chars().take(400).collect();
        wrong(&format!(
            "an unexpected answer with status {}: {start}",
            self.response.status
        ))
    }
}

fn wrong(text: &str) -> Error {
    Error::new(ErrorKind::InvalidData, text.to_owned())
}

#[derive(Deserialize)]
struct Listed<'a> {
    #[serde(borrow)]
    result: Page<'a>,
}

#[derive(Deserialize)]
struct Page<'a> {
    #[serde(borrow, rename = "nextCursor")]
    next_cursor: Option<&'a RawValue>,
}

/// The raw cursor of the next page, from JSON or from the one event of a stream.
fn next_cursor(body: &[u8]) -> Result<Option<String>, Error> {
    if memmem::find(body, b"\"nextCursor\"").is_none() {
        return Ok(None);
    }
    let start = memchr::memchr(b'{', body).unwrap_or(0);
    let json = body.get(start..).unwrap_or(body);
    let mut values = serde_json::Deserializer::from_slice(json).into_iter::<Listed<'_>>();
    match values.next() {
        Some(Ok(listed)) => Ok(listed
            .result
            .next_cursor
            .map(|cursor| cursor.get().to_owned())),
        _ => Err(wrong("a page that cannot be read")),
    }
}

#[cfg(test)]
mod tests;
