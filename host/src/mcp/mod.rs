//! The Model Context Protocol's side of the host: the seven tools, over HTTP and over standard
//! streams. A call is carried to the component as it came; nothing is decided here.

#[cfg(test)]
mod tests;
mod tools;

use std::sync::Arc;

use axum::Router;
use axum::http;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, Implementation, ListToolsResult,
    PaginatedRequestParams, ServerCapabilities, ServerConfig, Tool,
};
use rmcp::service::RequestContext;
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use rmcp::{ErrorData, RoleServer, ServerHandler, ServiceExt};
use serde_json::{Value, json};

use crate::service::{self, CallError, Service, Session};
use crate::tenants::Scopes;

/// Where the tools are served.
pub(crate) const PATH: &str = "/mcp";

const INSTRUCTIONS: &str = "Meanwhile carries out work later, repeatedly, or until a goal is met. Create a job \
    with job_create and say its summary back to the user; find jobs before changing them, since every other tool \
    takes a job_id. A failed call says in `error` which field to mend and how: mend it and call again.";

/// The service as an MCP server.
#[derive(Clone)]
struct Server {
    service: Arc<dyn Service>,
    /// Whose the calls are; none: each request says it for itself.
    session: Option<Session>,
}

impl Server {
    /// Whose a call is: over HTTP the door has put it to the request.
    fn session(&self, context: &RequestContext<RoleServer>) -> Result<Session, ErrorData> {
        let request = context.extensions.get::<http::request::Parts>();
        let session = request.and_then(|parts| parts.extensions.get::<Session>());
        session
            .or(self.session.as_ref())
            .cloned()
            .ok_or_else(|| ErrorData::internal_error("the request has no session", None))
    }
}

/// The tools over Streamable HTTP at `/mcp`, stateless: each request is answered with JSON, and
/// a restart of the host loses nobody's session. `Host` and `Origin` are checked in front of it, for
/// all paths alike.
pub(crate) fn router<S: Clone + Send + Sync + 'static>(
    service: Arc<dyn Service>,
    body_bytes_max: usize,
) -> Router<S> {
    let server = Server {
        service,
        session: None,
    };
    let config = StreamableHttpServerConfig::default()
        .with_legacy_session_mode(false)
        .with_json_response(true)
        .with_max_request_body_bytes(body_bytes_max)
        .disable_allowed_hosts()
        .disable_allowed_origins();
    let sessions = Arc::new(NeverSessionManager::default());
    let http = StreamableHttpService::new(move || Ok(server.clone()), sessions, config);
    Router::new().route_service(PATH, http)
}

/// The tools over standard input and output, until the input ends.
///
/// # Errors
/// When the client does not speak the protocol.
pub async fn serve_stdio(service: Arc<dyn Service>, session: Session) -> anyhow::Result<()> {
    let server = Server {
        service,
        session: Some(session),
    };
    server.serve(rmcp::transport::stdio()).await?.waiting().await?;
    Ok(())
}

/// The scopes that a message to `/mcp` needs; none: it calls no tool.
pub(crate) fn scopes_needed(message: &[u8]) -> Option<Scopes> {
    let message: Value = serde_json::from_slice(message).ok()?;
    if message.get("method")?.as_str()? != "tools/call" {
        return None;
    }
    let name = message.pointer("/params/name")?.as_str()?;
    let entry = tools::ENTRIES.iter().find(|entry| entry.tool.name == name)?;
    let arguments = message.pointer("/params/arguments").unwrap_or(&Value::Null);
    Some(service::scopes_needed(
        tools::INTERFACE,
        entry.function,
        arguments,
    ))
}

impl ServerHandler for Server {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(
                Implementation::new("meanwhile", env!("CARGO_PKG_VERSION")).with_title("Meanwhile"),
            )
            .with_instructions(INSTRUCTIONS)
    }

    async fn list_tools(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let tools = tools::ENTRIES.iter().map(|entry| entry.tool.clone()).collect();
        Ok(ListToolsResult::with_all_items(tools))
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        let entry = tools::ENTRIES.iter().find(|entry| entry.tool.name == name)?;
        Some(entry.tool.clone())
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let session = self.session(&context)?;
        let found = tools::ENTRIES
            .iter()
            .find(|entry| entry.tool.name == request.name);
        let Some(entry) = found else {
            let names: Vec<&str> = tools::ENTRIES
                .iter()
                .map(|entry| entry.tool.name.as_ref())
                .collect();
            let message = format!(
                "there is no tool `{}`: the tools are {}",
                request.name,
                names.join(", ")
            );
            return Err(ErrorData::invalid_params(message, None));
        };
        let arguments = Value::Object(request.arguments.unwrap_or_default());
        let called = self
            .service
            .call(&session, tools::INTERFACE, entry.function, arguments)
            .await;
        Ok(match called {
            Ok(answer) => CallToolResult::structured(answer),
            Err(CallError(error)) => CallToolResult::structured_error(json!({ "error": error })),
        }
        .into())
    }
}
