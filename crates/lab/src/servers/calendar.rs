//! A sample week with one confidential event.

use std::sync::Mutex;

use rmcp::handler::server::wrapper::Parameters;
use rmcp::model::{CallToolResult, ContentBlock, Implementation, ServerCapabilities, ServerConfig};
use rmcp::{ServerHandler, tool, tool_handler, tool_router};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The title of the one event that must not leave the company.
pub const CONFIDENTIAL: &str = "Board: acquisition of Northwind, confidential";

const DAYS: [&str; 5] = [
    "2026-11-23",
    "2026-11-24",
    "2026-11-25",
    "2026-11-26",
    "2026-11-27",
];
const OPENS: u32 = 9 * 60;
const CLOSES: u32 = 17 * 60;

/// One event. Times are local, `HH:MM`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Event {
    /// `YYYY-MM-DD`.
    pub day: String,
    /// Start.
    pub start: String,
    /// End.
    pub end: String,
    /// What it is about.
    pub title: String,
}

/// The events of the sample week, 23 to 27 November 2026.
#[must_use]
pub fn sample_events() -> Vec<Event> {
    let event = |day: &str, start: &str, end: &str, title: &str| Event {
        day: day.to_owned(),
        start: start.to_owned(),
        end: end.to_owned(),
        title: title.to_owned(),
    };
    vec![
        event("2026-11-23", "09:00", "09:30", "Stand-up"),
        event(
            "2026-11-23",
            "10:00",
            "12:00",
            "Reading group: agents and their tools",
        ),
        event("2026-11-24", "09:00", "10:30", "Stand-up and planning"),
        event("2026-11-24", "14:00", "15:30", CONFIDENTIAL),
        event("2026-11-25", "09:30", "12:00", "Interviews"),
        event("2026-11-25", "13:00", "17:00", "Workshop: threat modelling"),
        event("2026-11-26", "11:00", "12:00", "One to one"),
        event("2026-11-27", "15:00", "16:00", "Demo"),
    ]
}

/// The sample week as the tool `list_events` tells it.
#[must_use]
pub fn week_as_text(events: &[Event]) -> String {
    let lines: Vec<String> = events
        .iter()
        .map(|event| {
            format!(
                "{} {}-{} {}",
                event.day, event.start, event.end, event.title
            )
        })
        .collect();
    lines.join("\n")
}

/// The server.
pub(crate) struct Calendar {
    events: Mutex<Vec<Event>>,
}

#[derive(Deserialize, JsonSchema)]
struct ListEvents {
    /// First day, YYYY-MM-DD; the start of the week when left out.
    from: Option<String>,
    /// Last day, YYYY-MM-DD; the end of the week when left out.
    to: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
struct FindFree {
    /// How long, in minutes, 1 to 480.
    minutes: u32,
    /// Only on this day, YYYY-MM-DD.
    day: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
struct CreateEvent {
    /// YYYY-MM-DD.
    day: String,
    /// HH:MM.
    start: String,
    /// HH:MM.
    end: String,
    /// What it is about.
    title: String,
}

#[tool_router]
impl Calendar {
    /// The week of [`sample_events`].
    pub(crate) fn sample_week() -> Self {
        Self {
            events: Mutex::new(sample_events()),
        }
    }

    /// Lists the events of the week, in order of time.
    #[tool(annotations(read_only_hint = true, open_world_hint = false))]
    async fn list_events(&self, Parameters(list): Parameters<ListEvents>) -> CallToolResult {
        let from = list.from.unwrap_or_default();
        let events: Vec<Event> = self
            .snapshot()
            .into_iter()
            .filter(|event| event.day >= from && list.to.as_ref().is_none_or(|to| event.day <= *to))
            .collect();
        if events.is_empty() {
            return text("No events.");
        }
        text(&week_as_text(&events))
    }

    /// Finds the first free slot between 09:00 and 17:00.
    #[tool(annotations(read_only_hint = true, open_world_hint = false))]
    async fn find_free(&self, Parameters(find): Parameters<FindFree>) -> CallToolResult {
        if !(1..=CLOSES - OPENS).contains(&find.minutes) {
            return error("minutes must be between 1 and 480");
        }
        let events = self.snapshot();
        let slot = DAYS
            .iter()
            .filter(|day| find.day.as_ref().is_none_or(|only| only == *day))
            .find_map(|day| first_gap(&events, day, find.minutes).map(|start| (day, start)));
        match slot {
            Some((day, start)) => text(&format!(
                "{day} {}-{}",
                clock(start),
                clock(start + find.minutes)
            )),
            None => error("no free slot"),
        }
    }

    /// Puts an event into the calendar.
    #[tool(annotations(
        read_only_hint = false,
        destructive_hint = false,
        open_world_hint = false
    ))]
    async fn create_event(&self, Parameters(create): Parameters<CreateEvent>) -> CallToolResult {
        match (minutes(&create.start), minutes(&create.end)) {
            (Some(start), Some(end)) if start < end && DAYS.contains(&create.day.as_str()) => {
                let mut events = self.lock();
                events.push(Event {
                    day: create.day,
                    start: clock(start),
                    end: clock(end),
                    title: create.title,
                });
                events.sort_by(|a, b| (&a.day, &a.start).cmp(&(&b.day, &b.start)));
                text("Created.")
            }
            _ => error(
                "day must be in the week of 2026-11-23, times must be HH:MM, and start must come before end",
            ),
        }
    }
}

impl Calendar {
    fn snapshot(&self) -> Vec<Event> {
        self.lock().clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Event>> {
        // A panic while holding the lock leaves a valid list behind.
        self.events
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[tool_handler]
impl ServerHandler for Calendar {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(Implementation::new(
                "portcullis-lab-calendar",
                env!("CARGO_PKG_VERSION"),
            ))
            .with_instructions("The team's calendar for the week of 23 November 2026.")
    }
}

/// Start of the first gap of that many minutes, in minutes after midnight. Events of a day are in order of time.
fn first_gap(events: &[Event], day: &str, wanted: u32) -> Option<u32> {
    let mut free_from = OPENS;
    for event in events.iter().filter(|event| event.day == day) {
        let (start, end) = (minutes(&event.start)?, minutes(&event.end)?);
        if start >= free_from + wanted {
            break;
        }
        free_from = free_from.max(end);
    }
    (free_from + wanted <= CLOSES).then_some(free_from)
}

fn minutes(clock: &str) -> Option<u32> {
    let (hours, minutes) = clock.split_once(':')?;
    let (hours, minutes): (u32, u32) = (hours.parse().ok()?, minutes.parse().ok()?);
    (hours < 24 && minutes < 60).then_some(hours * 60 + minutes)
}

fn clock(minutes: u32) -> String {
    format!("{:02}:{:02}", minutes / 60, minutes % 60)
}

fn text(text: &str) -> CallToolResult {
    CallToolResult::success(vec![ContentBlock::text(text)])
}

fn error(text: &str) -> CallToolResult {
    CallToolResult::error(vec![ContentBlock::text(text)])
}

#[cfg(test)]
mod tests;
