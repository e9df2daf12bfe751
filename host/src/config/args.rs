//! The flags of the commands that put a host together.

use std::path::PathBuf;

/// The flags of `meanwhile serve` and `meanwhile mcp`.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct ServeArgs {
    /// Address to listen on; one that others reach needs `auth = token` [default: 127.0.0.1:7803]
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<String>,
    /// `none` or `token`: whether every request needs a bearer token [default: none]
    #[arg(long)]
    pub auth: Option<String>,
    /// The operator's token, made there at the first start [default: data/operator.token]
    #[arg(long, value_name = "FILE")]
    pub operator_token_file: Option<String>,
    /// The address that clients use, such as `https://jobs.example.com`, where it is not that of `listen`
    #[arg(long, value_name = "URL")]
    pub public_url: Option<String>,
    /// Origins of web pages that may call from a browser, separated by commas
    #[arg(long, value_name = "ORIGINS")]
    pub allowed_origins: Option<String>,
    /// Take access tokens of this OAuth authorization server too
    #[arg(long, value_name = "URL")]
    pub oauth_issuer: Option<String>,
    /// The audience that its tokens have to be for [default: PUBLIC_URL/mcp]
    #[arg(long, value_name = "AUDIENCE")]
    pub oauth_audience: Option<String>,
    /// The claim of its tokens that names the tenant [default: tenant]
    #[arg(long, value_name = "CLAIM")]
    pub oauth_tenant_claim: Option<String>,
    /// `sqlite:PATH`, `postgres://USER:PASSWORD@HOST/DATABASE` or `memory` [default: sqlite:data/meanwhile.db]
    #[arg(long)]
    pub store: Option<String>,
    /// `builtin`, `llm`, `command:PROGRAM …`, `http://HOST/PATH` or `noop` [default: builtin]
    #[arg(long)]
    pub agent: Option<String>,
    /// The model that the agent `llm` asks, such as `anthropic:claude-haiku-4-5`, `openai:gpt-5.2` or
    /// `ollama:qwen3:8b`; its key stands in MEANWHILE_MODEL_KEY
    #[arg(long, value_name = "PROVIDER:MODEL")]
    pub model: Option<String>,
    /// Another address of the provider, such as that of a server on this machine
    #[arg(long, value_name = "URL")]
    pub model_url: Option<String>,
    /// The provider's model that judges whether goals are met [default: the same]
    #[arg(long, value_name = "MODEL")]
    pub judge_model: Option<String>,
    /// Prices that go before the built-in ones: a JSON file as models.dev has it
    #[arg(long, value_name = "FILE")]
    pub model_prices: Option<String>,
    /// A folder with prompts that go before the built-in ones
    #[arg(long, value_name = "FOLDER")]
    pub prompts: Option<String>,
    /// Other MCP servers whose tools models may use: a JSON file as MCP clients have it
    #[arg(long, value_name = "FILE")]
    pub tool_servers: Option<String>,
    /// Where models may read pages: `public`, `none`, or hosts such as `example.com,*.example.org` [default: public]
    #[arg(long, value_name = "HOSTS")]
    pub fetch_hosts: Option<String>,
    /// `system` or `manual:INSTANT` [default: system]
    #[arg(long)]
    pub clock: Option<String>,
    /// Jobs of one tenant that have not ended, unless its own limits say otherwise [default: 100000]
    #[arg(long, value_name = "JOBS")]
    pub jobs_max: Option<String>,
    /// Runs of one tenant that may execute at the same time, likewise [default: 5]
    #[arg(long, value_name = "RUNS")]
    pub parallel_runs: Option<String>,
    /// Jobs that ended are archived after so many days without a change; 0: never [default: 30]
    #[arg(long, value_name = "DAYS")]
    pub archive_after_days: Option<String>,
    /// Archived jobs are deleted after so many days without a change; 0: never [default: 0]
    #[arg(long, value_name = "DAYS")]
    pub delete_after_days: Option<String>,
    /// Runs and history of repeating jobs (but for the newest 100 of each), delivered messages, and what was said
    /// in conversations are deleted after so many days; 0: never [default: 90]
    #[arg(long, value_name = "DAYS")]
    pub history_after_days: Option<String>,
    /// IANA zone of the local caller, used where a trigger names none
    #[arg(long, value_name = "ZONE")]
    pub timezone: Option<String>,
    /// Another jobs component than the embedded one
    #[arg(long, value_name = "FILE")]
    pub component: Option<String>,
    /// Where compiled components are kept for the next start: `user` (your cache directory), `none`, or a
    /// directory that nobody else may write to [default: user]
    #[arg(long, value_name = "DIRECTORY")]
    pub compilation_cache: Option<String>,
    /// What finds jobs by meaning: `candle` (the model in your directory for data), `candle:DIRECTORY`,
    /// `http:URL#MODEL` or `none` [default: candle]
    #[arg(long)]
    pub embedder: Option<String>,
    /// The settings file [default: meanwhile.toml, where there is one]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Show the settings that result, and end
    #[arg(long)]
    pub print_config: bool,
}

impl ServeArgs {
    /// What each flag says that is a setting.
    pub(super) fn given(&self) -> [(&'static str, Option<&String>); 27] {
        [
            ("listen", self.listen.as_ref()),
            ("auth", self.auth.as_ref()),
            ("operator_token_file", self.operator_token_file.as_ref()),
            ("public_url", self.public_url.as_ref()),
            ("allowed_origins", self.allowed_origins.as_ref()),
            ("oauth_issuer", self.oauth_issuer.as_ref()),
            ("oauth_audience", self.oauth_audience.as_ref()),
            ("oauth_tenant_claim", self.oauth_tenant_claim.as_ref()),
            ("store", self.store.as_ref()),
            ("agent", self.agent.as_ref()),
            ("model", self.model.as_ref()),
            ("model_url", self.model_url.as_ref()),
            ("judge_model", self.judge_model.as_ref()),
            ("model_prices", self.model_prices.as_ref()),
            ("prompts", self.prompts.as_ref()),
            ("tool_servers", self.tool_servers.as_ref()),
            ("fetch_hosts", self.fetch_hosts.as_ref()),
            ("clock", self.clock.as_ref()),
            ("jobs_max", self.jobs_max.as_ref()),
            ("parallel_runs", self.parallel_runs.as_ref()),
            ("archive_after_days", self.archive_after_days.as_ref()),
            ("delete_after_days", self.delete_after_days.as_ref()),
            ("history_after_days", self.history_after_days.as_ref()),
            ("timezone", self.timezone.as_ref()),
            ("component", self.component.as_ref()),
            ("compilation_cache", self.compilation_cache.as_ref()),
            ("embedder", self.embedder.as_ref()),
        ]
    }
}
