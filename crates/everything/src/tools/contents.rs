//! Tools that answer at once: every kind of content, and an error.

use rmcp::model::{CallToolResult, ContentBlock, ResourceContents};

use super::{Entry, Run, nothing, text_result};
use crate::samples;

pub(super) const TOOLS: &[Entry] = &[
    Entry::new(
        "test_simple_text",
        "Answers with a text",
        nothing,
        Run::Answer(|_| Ok(text_result("This is a simple text response for testing."))),
    ),
    Entry::new(
        "test_image_content",
        "Answers with an image",
        nothing,
        Run::Answer(|_| Ok(CallToolResult::success(vec![image()]))),
    ),
    Entry::new(
        "test_audio_content",
        "Answers with a sound",
        nothing,
        Run::Answer(|_| {
            let audio = ContentBlock::audio(samples::AUDIO, "audio/wav");
            Ok(CallToolResult::success(vec![audio]))
        }),
    ),
    Entry::new(
        "test_embedded_resource",
        "Answers with a resource",
        nothing,
        Run::Answer(|_| {
            let contents = ResourceContents::text(
                "This is an embedded resource content.",
                "test://embedded-resource",
            );
            let block = ContentBlock::resource(contents.with_mime_type("text/plain"));
            Ok(CallToolResult::success(vec![block]))
        }),
    ),
    Entry::new(
        "test_multiple_content_types",
        "Answers with a text, an image and a resource",
        nothing,
        Run::Answer(|_| {
            let contents = ResourceContents::text(
                r#"{"test":"data","value":123}"#,
                "test://mixed-content-resource",
            );
            Ok(CallToolResult::success(vec![
                ContentBlock::text("Multiple content types test:"),
                image(),
                ContentBlock::resource(contents.with_mime_type("application/json")),
            ]))
        }),
    ),
    Entry::new(
        "test_error_handling",
        "Fails",
        nothing,
        Run::Answer(|_| {
            Ok(CallToolResult::error(vec![ContentBlock::text(
                "This tool intentionally returns an error for testing",
            )]))
        }),
    ),
];

fn image() -> ContentBlock {
    ContentBlock::image(samples::IMAGE, "image/png")
}
