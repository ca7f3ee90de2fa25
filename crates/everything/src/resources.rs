//! Static resources, one that can be watched, and a template.

use rmcp::model::{
    CacheScope, ErrorData, ListResourceTemplatesResult, ListResourcesResult, ReadResourceResult,
    Resource, ResourceContents, ResourceTemplate,
};
use serde_json::json;

use crate::samples;
use crate::server::TTL_MS;

const TEXT: &str = "test://static-text";
const BINARY: &str = "test://static-binary";
/// The resource that `test_trigger_resource_change` says has changed.
pub(crate) const WATCHED: &str = "test://watched-resource";
pub(crate) const TEMPLATE: &str = "test://template/{id}/data";

pub(crate) fn list() -> ListResourcesResult {
    let text = |uri, name, description| {
        Resource::new(uri, name)
            .with_description(description)
            .with_mime_type("text/plain")
    };
    ListResourcesResult::with_all_items(vec![
        text(TEXT, "static-text", "A text that never changes"),
        Resource::new(BINARY, "static-binary")
            .with_description("An image of one pixel")
            .with_mime_type("image/png"),
        text(WATCHED, "watched-resource", "A text to subscribe to"),
    ])
    .with_ttl_ms(TTL_MS)
    .with_cache_scope(CacheScope::Public)
}

pub(crate) fn templates() -> ListResourceTemplatesResult {
    ListResourceTemplatesResult::with_all_items(vec![
        ResourceTemplate::new(TEMPLATE, "template")
            .with_description("A document for any id")
            .with_mime_type("application/json"),
    ])
    .with_ttl_ms(TTL_MS)
    .with_cache_scope(CacheScope::Public)
}

/// # Errors
/// "Resource not found", with the code of the client's era, if there is none.
pub(crate) fn read(uri: &str) -> Result<ReadResourceResult, ErrorData> {
    let contents = match uri {
        TEXT => ResourceContents::text("This is the content of the static text resource.", uri)
            .with_mime_type("text/plain"),
        BINARY => ResourceContents::blob(samples::IMAGE, uri).with_mime_type("image/png"),
        WATCHED => {
            ResourceContents::text("Watched resource content", uri).with_mime_type("text/plain")
        }
        _ => template(uri)?,
    };
    Ok(ReadResourceResult::new(vec![contents])
        .with_ttl_ms(TTL_MS)
        .with_cache_scope(CacheScope::Public))
}

fn template(uri: &str) -> Result<ResourceContents, ErrorData> {
    let id = uri
        .strip_prefix("test://template/")
        .and_then(|rest| rest.strip_suffix("/data"))
        .filter(|id| !id.is_empty() && !id.contains('/'))
        .ok_or_else(|| {
            ErrorData::resource_not_found("resource not found", Some(json!({"uri": uri})))
        })?;
    let document = json!({"id": id, "templateTest": true, "data": format!("Data for ID: {id}")});
    Ok(ResourceContents::text(document.to_string(), uri).with_mime_type("application/json"))
}
