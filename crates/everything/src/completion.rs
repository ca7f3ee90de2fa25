//! `completion/complete`: names for the argument of a prompt, ids for the one of a template.

use rmcp::model::{CompleteRequestParams, CompleteResult, CompletionInfo, ErrorData, Reference};

use crate::prompts::WITH_ARGUMENTS;
use crate::resources::TEMPLATE;

/// The values that begin with what was typed.
///
/// # Errors
/// -32602 if no prompt or template has the name.
pub(crate) fn complete(request: &CompleteRequestParams) -> Result<CompleteResult, ErrorData> {
    let candidates: &[&str] = match &request.r#ref {
        Reference::Prompt(prompt) if prompt.name == WITH_ARGUMENTS => &["Paris", "Park", "Party"],
        Reference::Resource(resource) if resource.uri == TEMPLATE => &["1", "2", "3"],
        _ => return Err(ErrorData::invalid_params("unknown reference", None)),
    };
    let typed = request.argument.value.to_lowercase();
    let values = candidates
        .iter()
        .filter(|candidate| candidate.to_lowercase().starts_with(&typed))
        .map(|&candidate| candidate.to_owned())
        .collect();
    let completion =
        CompletionInfo::new(values).map_err(|error| ErrorData::internal_error(error, None))?;
    Ok(CompleteResult::new(completion))
}
