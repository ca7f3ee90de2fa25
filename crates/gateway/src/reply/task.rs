//! What a server says of a task: with the questions that it holds judged, and with the host's own id.

use portcullis_mcp::json::{Object, Span, Splice, quote};
use portcullis_mcp::method::Method;
use portcullis_mcp::result::{self as results, ResultType};

use super::ask::{as_asked, tell};
use super::{ReplyStream, broken, read};
use crate::refusal::{Reason, Refusal};
use crate::shield::Judged;

impl ReplyStream {
    /// Whether a result may name a task.
    pub(super) fn is_about_task(&self, kind: ResultType) -> bool {
        kind == ResultType::Task
            || matches!(
                self.call().target().method,
                Method::TasksGet | Method::TasksUpdate | Method::TasksCancel
            )
    }

    /// Tells the host of its task. Nothing follows.
    pub(super) fn task(&mut self, kind: ResultType, judged: Judged) -> Result<(), Refusal> {
        let judged = match self.task_questions(kind, &judged)? {
            Some(text) => Judged { text, ..judged },
            None => judged,
        };
        let object = read(&judged)?;
        match self.with_own_task_id(kind, &object)? {
            Some(text) => {
                let judged = Judged {
                    text,
                    verdict: judged.verdict,
                    findings: judged.findings.clone(),
                };
                self.finish(&read(&judged)?, &judged)
            }
            None => self.finish(&object, &judged),
        }
    }

    /// A task tells what it asks of its host (SEP-2663): the same questions, by the same rules. Gives the
    /// result as the host may see it, when it asks anything.
    fn task_questions(
        &mut self,
        kind: ResultType,
        judged: &Judged,
    ) -> Result<Option<String>, Refusal> {
        let tells = kind == ResultType::Task || self.call().target().method == Method::TasksGet;
        if !tells {
            return Ok(None);
        }
        let task = results::task(&judged.text).map_err(broken)?;
        if task.input_requests.is_empty() {
            return Ok(None);
        }
        let questions = self.judge_together(task.input_requests.iter().map(as_asked))?;
        let mut splice = Splice::new(&judged.text);
        tell(&mut splice, &task.input_requests, questions);
        Ok(Some(splice.finish().into_owned()))
    }

    /// A result that names a task, with the id that the host knows it by.
    fn with_own_task_id(
        &self,
        kind: ResultType,
        result: &Object<'_>,
    ) -> Result<Option<String>, Refusal> {
        let call = self.call();
        let own = match call.target().method {
            // The id that the host asked with is the one it gets back.
            Method::TasksGet | Method::TasksUpdate | Method::TasksCancel => {
                match result.get("taskId") {
                    Some(_) => call.task_id_as_sent(),
                    None => return Ok(None),
                }
            }
            _ if kind == ResultType::Task => {
                let view = results::task(result.text()).map_err(broken)?;
                Some(quote(&self.gateway.tickets().task(call, &view.task_id)?))
            }
            _ => return Ok(None),
        };
        let own = own.ok_or_else(|| Refusal::new(Reason::UpstreamProtocol))?;
        let mut splice = Splice::new(result.text());
        let whole = Span {
            start: 0,
            end: result.text().len(),
        };
        splice
            .set_member(whole, "taskId", own)
            .map_err(|cause| broken(cause.into()))?;
        Ok(Some(splice.finish().into_owned()))
    }
}
