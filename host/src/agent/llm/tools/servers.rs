//! Tools of other MCP servers: those that the operator's file names, as far as it lets a tenant use them.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;
use reqwest::header::{HeaderName, HeaderValue};
use rig_core::completion::ToolDefinition;
use rig_core::message::ToolName;
use rmcp::model::{CallToolRequestParams, CallToolResult, ContentBlock};
use rmcp::service::{RoleClient, RunningService};
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use rmcp::transport::{StreamableHttpClientTransport, TokioChildProcess};
use rmcp::{ServiceExt as _, serve_client};
use serde::Deserialize;
use serde_json::{Map, Value};
use tokio::sync::Mutex;

use super::gate::one_fits;
use crate::address;
use crate::limits::{TOOL_OUTPUT_BYTES_MAX, TOOL_SERVER_START, TOOL_TIME};

/// Between a server's name and its tool's, in the name that the model sees.
const BETWEEN: &str = "__";
/// Characters of a tool's name, at most: providers take no more.
const NAME_CHARS_MAX: usize = 64;

/// The file, in the form that MCP clients have for it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(rename = "mcpServers")]
    servers: BTreeMap<String, Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    /// Of a server that is a program.
    command: Option<String>,
    #[serde(default)]
    args: Vec<String>,
    /// `${NAME}` stands for a variable of the host's environment.
    #[serde(default)]
    env: BTreeMap<String, String>,
    /// Of a server at an address.
    url: Option<String>,
    /// As `env`.
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// Tools that may be used; `*` at the end stands for any end. None: all.
    tools: Option<Vec<String>>,
    /// Those of them that need the person's approval, likewise. None: none.
    approval: Option<Vec<String>>,
    /// Tenants whose runs may use them. None: all.
    tenants: Option<Vec<String>>,
    /// Seconds that a call may take.
    timeout_seconds: Option<u64>,
}

enum Place {
    Program {
        command: String,
        arguments: Vec<String>,
        environment: BTreeMap<String, String>,
    },
    Address {
        url: Url,
        headers: HashMap<HeaderName, HeaderValue>,
    },
}

struct Server {
    name: String,
    place: Place,
    tools: Option<Vec<String>>,
    approval: Vec<String>,
    tenants: Option<Vec<String>>,
    time: Duration,
    /// Made at the first use, and anew when it has ended.
    connection: Mutex<Option<Arc<Connection>>>,
}

type Connection = RunningService<RoleClient, ()>;

/// All servers of the file.
#[derive(Default)]
pub(super) struct Servers(Vec<Server>);

/// A tool of a server, as a model sees it.
pub(in super::super) struct ServerTool {
    pub(in super::super) definition: ToolDefinition,
    pub(super) needs_approval: bool,
    server: usize,
    tool: String,
}

impl Servers {
    /// Those that a file names. None is started yet.
    ///
    /// # Errors
    /// What is wrong in the file.
    pub(super) fn from_file(path: &Path) -> Result<Self, String> {
        let failed = |why: String| format!("`tool_servers`: {}: {why}", path.display());
        let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
        let file: File = serde_json::from_str(&text).map_err(|error| failed(error.to_string()))?;
        let variable = |name: &str| std::env::var(name).ok();
        let servers = file.servers.into_iter();
        let servers: Result<Vec<Server>, String> = servers
            .map(|(name, entry)| {
                Server::of(&name, entry, &variable).map_err(|why| failed(format!("{name}: {why}")))
            })
            .collect();
        Ok(Self(servers?))
    }

    /// What a tenant's runs may use, and why a server is left out that is away.
    pub(super) async fn offered(&self, tenant: &str) -> (Vec<ServerTool>, Vec<String>) {
        let (mut offered, mut away) = (Vec::new(), Vec::new());
        for (at, server) in self
            .0
            .iter()
            .enumerate()
            .filter(|(_, server)| server.serves(tenant))
        {
            match server.listed().await {
                Ok(tools) => {
                    for tool in tools.into_iter().filter(|tool| server.allows(&tool.name)) {
                        let name = seen_name(&server.name, &tool.name);
                        let is_new = offered
                            .iter()
                            .all(|other: &ServerTool| other.definition.name.as_str() != name);
                        let description = tool.description.unwrap_or_default();
                        let schema = Value::Object((*tool.input_schema).clone());
                        match ToolName::new(name) {
                            Ok(name) if is_new => offered.push(ServerTool {
                                definition: ToolDefinition::new(name, description, schema),
                                needs_approval: one_fits(&server.approval, &tool.name),
                                server: at,
                                tool: tool.name.into_owned(),
                            }),
                            _ => {
                                away.push(format!("{}: two tools are named like {}", server.name, tool.name))
                            }
                        }
                    }
                }
                Err(why) => away.push(format!("the tool server {} is away: {why}", server.name)),
            }
        }
        (offered, away)
    }

    /// Calls a tool: its answer as text, or why there is none.
    pub(super) async fn call(
        &self,
        offered: &ServerTool,
        arguments: Map<String, Value>,
    ) -> Result<String, String> {
        let server = self.0.get(offered.server).ok_or("there is no such server")?;
        let connection = server.connected().await?;
        let call = CallToolRequestParams::new(offered.tool.clone()).with_arguments(arguments);
        let answer = tokio::time::timeout(server.time, connection.call_tool(call)).await;
        match answer {
            Ok(Ok(answer)) => read(answer),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err(format!(
                "{} took more than {} s",
                server.name,
                server.time.as_secs()
            )),
        }
    }
}

/// The text of an answer.
fn read(answer: CallToolResult) -> Result<String, String> {
    let texts = answer.content.iter().filter_map(|block| match block {
        ContentBlock::Text(text) => Some(text.text.as_str()),
        _ => None,
    });
    let mut text = texts.collect::<Vec<_>>().join("\n");
    if text.is_empty()
        && let Some(structured) = &answer.structured_content
    {
        text = structured.to_string();
    }
    if answer.is_error == Some(true) {
        Err(text)
    } else {
        Ok(text)
    }
}

impl Server {
    fn of(name: &str, entry: Entry, variable: &impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        let filled = |from: BTreeMap<String, String>| -> Result<BTreeMap<String, String>, String> {
            from.into_iter()
                .map(|(key, value)| Ok((key, filled_in(&value, variable)?)))
                .collect()
        };
        let place = match (entry.command, entry.url) {
            (Some(command), None) => Place::Program {
                command,
                arguments: entry.args,
                environment: filled(entry.env)?,
            },
            (None, Some(url)) => {
                let url = Url::parse(&url).map_err(|error| format!("url: {error}"))?;
                if !entry.headers.is_empty() && !address::is_safe(&url) {
                    return Err(
                        "others could read its headers on their way: expected an https address (http only on this machine)"
                            .into(),
                    );
                }
                let headers = filled(entry.headers)?.into_iter().map(|(name, value)| {
                    let name: HeaderName = name.parse().map_err(|_| format!("{name:?} is no header"))?;
                    let mut value: HeaderValue = value
                        .parse()
                        .map_err(|_| format!("{name} has a value that none has"))?;
                    value.set_sensitive(true);
                    Ok((name, value))
                });
                let headers: Result<_, String> = headers.collect();
                Place::Address {
                    url,
                    headers: headers?,
                }
            }
            _ => return Err("give either `command` or `url`".into()),
        };
        Ok(Self {
            name: name.to_owned(),
            place,
            tools: entry.tools,
            approval: entry.approval.unwrap_or_default(),
            tenants: entry.tenants,
            time: entry
                .timeout_seconds
                .map_or(TOOL_TIME, Duration::from_secs)
                .min(TOOL_TIME),
            connection: Mutex::default(),
        })
    }

    fn serves(&self, tenant: &str) -> bool {
        self.tenants
            .as_ref()
            .is_none_or(|tenants| tenants.iter().any(|one| one == tenant))
    }

    fn allows(&self, tool: &str) -> bool {
        self.tools.as_ref().is_none_or(|allowed| one_fits(allowed, tool))
    }

    async fn listed(&self) -> Result<Vec<rmcp::model::Tool>, String> {
        let connection = self.connected().await?;
        let listed = tokio::time::timeout(TOOL_SERVER_START, connection.list_all_tools()).await;
        match listed {
            Ok(Ok(tools)) => Ok(tools),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err(format!(
                "it did not list its tools within {} s",
                TOOL_SERVER_START.as_secs()
            )),
        }
    }

    async fn connected(&self) -> Result<Arc<Connection>, String> {
        let mut kept = self.connection.lock().await;
        if let Some(connection) = kept
            .as_ref()
            .filter(|connection| !connection.is_transport_closed())
        {
            return Ok(Arc::clone(connection));
        }
        let started = tokio::time::timeout(TOOL_SERVER_START, self.connect()).await;
        let connection =
            started.map_err(|_| format!("it did not start within {} s", TOOL_SERVER_START.as_secs()))??;
        Ok(Arc::clone(kept.insert(Arc::new(connection))))
    }

    async fn connect(&self) -> Result<Connection, String> {
        match &self.place {
            Place::Program {
                command,
                arguments,
                environment,
            } => {
                let mut program = crate::agent::program(command);
                program.args(arguments).envs(environment).kill_on_drop(true);
                let started = TokioChildProcess::builder(program)
                    .stderr(std::process::Stdio::null())
                    .spawn();
                let (process, _) =
                    started.map_err(|error| format!("{command} could not be started: {error}"))?;
                serve_client((), process).await.map_err(|error| error.to_string())
            }
            Place::Address { url, headers } => {
                let config = StreamableHttpClientTransportConfig::with_uri(url.as_str())
                    .custom_headers(headers.clone())
                    .max_json_response_size(8 * TOOL_OUTPUT_BYTES_MAX)
                    .max_sse_event_size(8 * TOOL_OUTPUT_BYTES_MAX);
                let client = super::super::model::client(Some(url))?;
                let transport = StreamableHttpClientTransport::with_client(client, config);
                ().serve(transport).await.map_err(|error| error.to_string())
            }
        }
    }
}

/// A server's tool by a name that every provider takes.
fn seen_name(server: &str, tool: &str) -> String {
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() || c == '-' || c == '_' {
            c
        } else {
            '_'
        }
    };
    format!("{server}{BETWEEN}{tool}")
        .chars()
        .map(plain)
        .take(NAME_CHARS_MAX)
        .collect()
}

/// A text with the variables that it names.
fn filled_in(text: &str, variable: &impl Fn(&str) -> Option<String>) -> Result<String, String> {
    let (mut filled, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once("${") {
        let (name, after) = after.split_once('}').ok_or("`${` without `}`")?;
        filled.push_str(before);
        filled.push_str(&variable(name).ok_or_else(|| format!("the variable {name} is not set"))?);
        rest = after;
    }
    filled.push_str(rest);
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_such_as_every_provider_takes() {
        assert_eq!(seen_name("files", "read"), "files__read");
        assert_eq!(seen_name("my files", "read/é.txt"), "my_files__read___txt");
        assert_eq!(seen_name("a", &"b".repeat(100)).len(), NAME_CHARS_MAX);
    }

    #[test]
    fn variables_are_filled_in_or_missed() {
        let variable = |name: &str| (name == "TOKEN").then(|| "t0".to_owned());
        assert_eq!(filled_in("Bearer ${TOKEN}!", &variable).unwrap(), "Bearer t0!");
        assert_eq!(filled_in("plain $TOKEN", &variable).unwrap(), "plain $TOKEN");
        assert!(
            filled_in("${OTHER}", &variable)
                .unwrap_err()
                .contains("OTHER is not set")
        );
        assert!(filled_in("${TOKEN", &variable).is_err());
    }

    #[test]
    fn what_is_wrong_in_a_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tools.json");
        for (text, told) in [
            ("{", "EOF"),
            (
                r#"{"mcpServers": {"a": {}}}"#,
                "a: give either `command` or `url`",
            ),
            (
                r#"{"mcpServers": {"a": {"command": "b", "url": "http://c"}}}"#,
                "give either",
            ),
            (r#"{"mcpServers": {"a": {"comand": "b"}}}"#, "comand"),
            (r#"{"mcpServers": {"a": {"url": "no"}}}"#, "url: "),
            (
                r#"{"mcpServers": {"a": {"url": "http://example.com", "headers": {"a": "b"}}}}"#,
                "https",
            ),
            (
                r#"{"mcpServers": {"a": {"command": "b", "env": {"C": "${NO_SUCH_VARIABLE_1}"}}}}"#,
                "NO_SUCH_VARIABLE_1",
            ),
        ] {
            std::fs::write(&path, text).unwrap();
            let error = Servers::from_file(&path).err().unwrap();
            assert!(
                error.contains(told) && error.contains("`tool_servers`"),
                "{error}"
            );
        }
        let good = r#"{"mcpServers": {"a": {"command": "b", "tools": ["c*"], "approval": ["cat"], "tenants": ["acme"]}}}"#;
        std::fs::write(&path, good).unwrap();
        let servers = Servers::from_file(&path).unwrap();
        let server = &servers.0[0];
        assert!(
            server.serves("acme") && !server.serves("local") && server.allows("cat") && !server.allows("dog")
        );
    }
}
