//! The Rust SDK as a client. It keeps the contract of the clients in `interop/clients`.

use std::path::Path;
use std::time::Duration;

use rmcp::model::{
    CallToolRequestParams, GetPromptRequestParams, ProtocolVersion, ReadResourceRequestParams,
};
use rmcp::service::RunningService;
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use rmcp::transport::{StreamableHttpClientTransport, TokioChildProcess};
use rmcp::{ClientLifecycleMode, ClientServiceExt, RoleClient};
use serde_json::{Value, json};

use super::pair::Target;
use super::peers::Server;
use crate::binary::scrubbed;

/// Asks a server everything, and reports as the other clients do.
pub(super) fn ask(
    era: &str,
    target: &Target,
    server: &Server,
    prefix: &str,
    home: &Path,
) -> Result<Value, String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let work = async {
        let client = connect(era, target, home).await?;
        let report = carry_out(&client, server, prefix).await;
        client
            .cancel()
            .await
            .map_err(|error| format!("close: {error}"))?;
        report
    };
    runtime.block_on(async {
        tokio::time::timeout(Duration::from_secs(60), work)
            .await
            .map_err(|_| "no end after 60 s".to_owned())?
    })
}

async fn connect(
    era: &str,
    target: &Target,
    home: &Path,
) -> Result<RunningService<RoleClient, ()>, String> {
    let modern = vec![ProtocolVersion::V_2026_07_28];
    let lifecycle = match era {
        "legacy" => ClientLifecycleMode::Initialize,
        "modern" => ClientLifecycleMode::Discover {
            preferred_versions: modern,
        },
        _ => ClientLifecycleMode::Auto {
            preferred_versions: modern,
            legacy_version: Some(ProtocolVersion::V_2025_11_25),
        },
    };
    let connected = match target {
        Target::Url { url, bearer } => {
            let config = StreamableHttpClientTransportConfig::with_uri(url.as_str())
                .auth_header(bearer.as_str());
            let transport = StreamableHttpClientTransport::from_config(config);
            ().serve_with_lifecycle(transport, lifecycle).await
        }
        Target::Command(line) => {
            let mut command = scrubbed(&line[0], home);
            command.args(&line[1..]);
            let transport = TokioChildProcess::new(tokio::process::Command::from(command))
                .map_err(|error| format!("start: {error}"))?;
            ().serve_with_lifecycle(transport, lifecycle).await
        }
    };
    connected.map_err(|error| format!("connect: {error:?}"))
}

async fn carry_out(
    client: &RunningService<RoleClient, ()>,
    server: &Server,
    prefix: &str,
) -> Result<Value, String> {
    let failed = |operation: &'static str| {
        move |error: rmcp::ServiceError| format!("{operation}: {error:?}")
    };
    let tools = client
        .list_all_tools()
        .await
        .map_err(failed("tools/list"))?;
    let tools: Vec<&str> = tools.iter().map(|tool| &*tool.name).collect();
    let version = client.peer_info().map(|info| info.protocol_version.clone());
    let mut report = json!({ "client": "rmcp", "protocolVersion": version, "tools": tools });
    let call = CallToolRequestParams::new(format!("{prefix}{}", server.call.name))
        .with_arguments(server.call.arguments.as_object().cloned().unwrap());
    report["call"] = json!(client.call_tool(call).await.map_err(failed("tools/call"))?);
    if let Some(resource) = &server.resource {
        let resources = client
            .list_all_resources()
            .await
            .map_err(failed("resources/list"))?;
        report["resources"] = resources
            .iter()
            .map(|resource| resource.uri.as_str())
            .collect();
        let read = ReadResourceRequestParams::new(&resource.name);
        report["resource"] = json!(
            client
                .read_resource(read)
                .await
                .map_err(failed("resources/read"))?
        );
    }
    if let Some(prompt) = &server.prompt {
        let prompts = client
            .list_all_prompts()
            .await
            .map_err(failed("prompts/list"))?;
        report["prompts"] = prompts.iter().map(|prompt| prompt.name.as_str()).collect();
        let wanted = GetPromptRequestParams::new(format!("{prefix}{}", prompt.name))
            .with_arguments(prompt.arguments.as_object().cloned().unwrap());
        report["prompt"] = json!(
            client
                .get_prompt(wanted)
                .await
                .map_err(failed("prompts/get"))?
        );
    }
    Ok(report)
}
