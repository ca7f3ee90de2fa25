//! The Rust SDK as a client that signs in. It keeps the contract of the clients in
//! `interop/clients`.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender};
use std::time::Duration;

use rmcp::model::{CallToolRequestParams, CallToolResult, ClientConfig, ProtocolVersion};
use rmcp::service::{RunningService, ServiceError};
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::auth::{AuthClient, AuthorizationRequest, OAuthState};
use rmcp::transport::streamable_http_client::{
    StreamableHttpClientTransportConfig, StreamableHttpError,
};
use rmcp::{ClientLifecycleMode, ClientServiceExt, RoleClient};
use serde_json::{Value, json};

use super::clients::{Client, Known};
use super::world::TOOL;
use crate::binary::{finish, scrubbed};

type Http = AuthClient<reqwest::Client>;

/// Where the browser is.
pub(super) struct Person {
    pub(super) interop: PathBuf,
    pub(super) home: PathBuf,
}

impl Person {
    /// Goes to `url` with a browser, and returns the address that it is sent back to.
    fn visits(&self, url: &str, listener: &TcpListener) -> Result<String, String> {
        let own = listener.local_addr().map_err(text)?;
        let listener = listener.try_clone().map_err(text)?;
        let came = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().ok()?;
            let mut line = String::new();
            let mut reader = BufReader::new(stream.try_clone().ok()?);
            reader.read_line(&mut line).ok()?;
            let mut rest = String::new();
            while reader.read_line(&mut rest).ok()? > 2 {
                rest.clear();
            }
            let answer = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 7\r\n\r\nClosed.";
            stream.write_all(answer.as_bytes()).ok()?;
            Some(line.split(' ').nth(1)?.to_owned())
        });
        let mut browser = scrubbed("node", &self.home);
        browser
            .arg(self.interop.join("clients/browser.mjs"))
            .arg(url);
        let seen = finish(browser);
        if seen.code != 0 {
            return Err(format!("the browser: {}", seen.stderr));
        }
        let path = came.join().ok().flatten().ok_or("nobody came back")?;
        Ok(format!("http://{own}{path}"))
    }
}

/// Signs in, calls the tool, and calls it again as often as it is told to.
pub(super) fn sign_in(
    client: Client,
    person: &Person,
    url: &str,
    known: &Known,
    again: usize,
    say: &Sender<Result<Value, String>>,
    told: Receiver<()>,
) -> Result<Value, String> {
    // The blocking waits for `told` and the browser must not stop the SDK's own tasks.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(text)?;
    let listener = TcpListener::bind("127.0.0.1:0").map_err(text)?;
    let redirect = format!("http://{}/callback", listener.local_addr().map_err(text)?);
    runtime.block_on(async {
        let mut count = 1;
        let http = authorize(person, &listener, &redirect, url, known).await?;
        let mut service = connect(client, &http, url).await?;
        let tools = service.list_all_tools().await.map_err(debug)?;
        let tools: Vec<&str> = tools.iter().map(|tool| &*tool.name).collect();
        let version = service
            .peer_info()
            .map(|info| info.protocol_version.clone());
        let mut report =
            json!({"client": "rmcp", "protocolVersion": version, "tools": tools, "again": []});
        report["call"] = json!(call(&service).await.map_err(debug)?);
        for time in 1..=again {
            let _nobody_waits = say.send(Ok(json!({"waiting": time})));
            tokio::task::block_in_place(|| told.recv()).map_err(text)?;
            let answer = match call(&service).await {
                Ok(answer) => answer,
                Err(error) => {
                    let scope = demanded(&error).ok_or_else(|| debug(&error))?;
                    count += 1;
                    step_up(person, &listener, &http, &scope).await?;
                    // The transport ends with a request that was refused.
                    service = connect(client, &http, url).await?;
                    call(&service).await.map_err(debug)?
                }
            };
            if let Some(answers) = report["again"].as_array_mut() {
                answers.push(json!(answer));
            }
        }
        report["signIns"] = count.into();
        service.cancel().await.map_err(text)?;
        Ok(report)
    })
}

async fn authorize(
    person: &Person,
    listener: &TcpListener,
    redirect: &str,
    url: &str,
    known: &Known,
) -> Result<Http, String> {
    let mut state = OAuthState::new(url, None).await.map_err(text)?;
    let request = AuthorizationRequest::new(redirect)
        .with_initial_scope_selection()
        .with_client_name("Interop host");
    let request = match known {
        Known::Id(id) => request.with_preregistered_client(id),
        Known::Document(document) => request.with_client_metadata_url(document),
        Known::Registration => request,
    };
    state.start_authorization(request).await.map_err(text)?;
    let to = state.get_authorization_url().await.map_err(text)?;
    let back = tokio::task::block_in_place(|| person.visits(&to, listener))?;
    state
        .handle_callback_url(&back)
        .await
        .map_err(|error| format!("{error} after {back}"))?;
    let authorized = state.into_authorization_manager();
    let manager = authorized.ok_or("not authorized")?;
    Ok(AuthClient::new(reqwest::Client::new(), manager))
}

/// Asks for more scopes, as a 403 demanded.
async fn step_up(
    person: &Person,
    listener: &TcpListener,
    http: &Http,
    scope: &str,
) -> Result<(), String> {
    let manager = http.auth_manager.lock().await;
    let to = manager.request_scope_upgrade(scope).await.map_err(text)?;
    let back = tokio::task::block_in_place(|| person.visits(&to, listener))?;
    let callback =
        rmcp::transport::auth::AuthorizationCallback::from_redirect_url(&back).map_err(text)?;
    manager
        .exchange_code_for_token_with_issuer(
            &callback.code,
            &callback.csrf_token,
            callback.issuer.as_deref(),
        )
        .await
        .map(drop)
        .map_err(text)
}

async fn connect(
    client: Client,
    http: &Http,
    url: &str,
) -> Result<RunningService<RoleClient, ClientConfig>, String> {
    let mut info = ClientConfig::default();
    let lifecycle = match client.version {
        "2026-07-28" => ClientLifecycleMode::Discover {
            preferred_versions: vec![ProtocolVersion::V_2026_07_28],
        },
        "2025-06-18" => {
            info.protocol_version = ProtocolVersion::V_2025_06_18;
            ClientLifecycleMode::Initialize
        }
        _ => ClientLifecycleMode::Initialize,
    };
    let config = StreamableHttpClientTransportConfig::with_uri(url);
    let transport = StreamableHttpClientTransport::with_client(http.clone(), config);
    let connected = tokio::time::timeout(
        Duration::from_secs(60),
        info.serve_with_lifecycle(transport, lifecycle),
    );
    connected.await.map_err(text)?.map_err(debug)
}

async fn call(
    service: &RunningService<RoleClient, ClientConfig>,
) -> Result<CallToolResult, ServiceError> {
    service.call_tool(CallToolRequestParams::new(TOOL)).await
}

/// The scopes that a refusal names.
fn demanded(error: &ServiceError) -> Option<String> {
    let ServiceError::TransportSend(error) = error else {
        return None;
    };
    match error.error.downcast_ref()? {
        StreamableHttpError::<reqwest::Error>::InsufficientScope(refused) => {
            refused.required_scope.clone()
        }
        _ => None,
    }
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

fn debug(error: impl std::fmt::Debug) -> String {
    format!("{error:?}")
}
