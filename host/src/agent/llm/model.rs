//! One model at a provider: asked once, heard as it answers, asked again where that helps.

use std::time::Duration;

use futures_util::StreamExt as _;
use reqwest::Url;
use reqwest::redirect::Policy;
use rig_core::DynModel;
use rig_core::catalog::{Catalog, Pricing};
use rig_core::completion::{
    CacheRetention, CompletionRequest, CompletionResponse, OnUnsupported, ToolDefinition, Usage,
};
use rig_core::http_client::DynHttpClient;
use rig_core::message::Message;
use rig_core::operation::Completion;
use rig_core::providers::openai::Route;
use rig_core::providers::registry::{Format, ProviderConfig, ProviderId, ProviderRef};
use rig_core::streaming::{Item, StreamEvent};
use rig_reqwest::ReqwestClient;

use super::failure::{self, Failure};
use super::setting::{KEY_VARIABLE, model_named, url_named};
use crate::address;
use crate::agent::NO_USAGE;
use crate::agent::Progress;
use crate::limits::{
    LLM_ANSWER_BYTES_MAX, LLM_ANSWER_TOKENS_MAX, LLM_CONNECT_TIME, LLM_SILENCE_MAX, LLM_TRIES_MAX,
    LLM_TRY_AGAIN_MS, LLM_WAIT_MAX,
};
use crate::outbound;
use crate::wit::agent_pipeline::Outcome;
use crate::wit::types::{self, ErrorClass};

/// Bytes that a token has about, where a provider does not say how many there were.
const TOKEN_BYTES: u64 = 4;

/// What questions cost.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Spent {
    pub(super) tokens_in: u64,
    pub(super) tokens_out: u64,
    pub(super) cost_usd: f64,
}

impl Spent {
    pub(super) fn tokens(&self) -> u64 {
        self.tokens_in + self.tokens_out
    }

    pub(super) fn add(&mut self, more: Self) {
        self.tokens_in += more.tokens_in;
        self.tokens_out += more.tokens_out;
        self.cost_usd += more.cost_usd;
    }

    /// As a run's usage.
    pub(super) fn usage(&self) -> types::Usage {
        types::Usage {
            tokens_in: self.tokens_in,
            tokens_out: self.tokens_out,
            cost_usd: self.cost_usd,
            ..NO_USAGE
        }
    }

    /// An outcome that cost this.
    pub(super) fn on(self, outcome: Outcome) -> Outcome {
        Outcome {
            usage: self.usage(),
            ..outcome
        }
    }
}

/// Models of a provider that an error names.
const LISTED_MODELS: usize = 20;

/// See the module.
pub(super) struct Model {
    inner: DynModel<Completion>,
    config: ProviderConfig,
    client: ReqwestClient,
    provider: ProviderId,
    id: String,
    url: String,
    /// What no error may show.
    key: Option<String>,
    key_variable: String,
    pricing: Option<Pricing>,
    /// The operator's prices go before what the provider says.
    is_priced_by_operator: bool,
    answer_tokens: Option<u64>,
    caches: bool,
}

/// A client for a provider, or a tool server, at its usual address or this one.
pub(super) fn client(url: Option<&Url>) -> Result<reqwest::Client, String> {
    let client = url.map_or_else(outbound::client, outbound::client_to);
    outbound::built(
        client
            // A key does not go where an answer points to.
            .redirect(Policy::none())
            .connect_timeout(LLM_CONNECT_TIME)
            .read_timeout(LLM_SILENCE_MAX),
    )
}

impl Model {
    /// The model that `PROVIDER:MODEL` names, at the provider's usual address or another. `prices` go before
    /// the built-in ones. Without a `key`, the provider's own variable is looked into.
    pub(super) fn new(
        named: &str,
        url: Option<&str>,
        key: Option<String>,
        prices: Option<&Catalog>,
    ) -> Result<Self, String> {
        let named = model_named(named).map_err(|why| format!("`model`: {why}"))?;
        let provider = named.id().ok_or("`model`: this provider cannot be configured")?;
        let of_provider = provider.api_key_env();
        let key = key.or_else(|| {
            std::env::var(of_provider?)
                .ok()
                .filter(|key| !key.trim().is_empty())
        });
        let key_variable = of_provider.map_or(KEY_VARIABLE.to_owned(), |own| {
            format!("{KEY_VARIABLE} (or {own})")
        });
        if key.is_none() && url.is_none() && provider.requires_credential() {
            return Err(format!(
                "`model`: {} needs a key: set {key_variable}",
                provider.vendor()
            ));
        }
        let mut config = named.config("");
        if let Some(url) = url {
            let url = url_named(url).map_err(|why| format!("`model_url`: {why}"))?;
            if key.is_some() && !address::is_safe(&url) {
                return Err(
                    "`model_url`: there is a key, and others could read it on its way: expected an https address \
                     (http only on this machine)"
                        .into(),
                );
            }
            config = config.with_base_url(url.as_str().trim_end_matches('/'));
            if let ProviderConfig::OpenAi(openai) = config {
                // What other servers have of OpenAI's interfaces is this one.
                config = ProviderConfig::OpenAi(openai.with_route(Route::Chat));
            }
        }
        let (id, url) = (named.model().to_owned(), config.base_url().to_owned());
        let client = ReqwestClient::from(client(Url::parse(&url).ok().as_ref())?);
        let reference =
            ProviderRef::configured(config, id.clone()).map_err(|error| format!("`model`: {error}"))?;
        let config = reference.config(key.clone().unwrap_or_default());
        let inner = reference.completion_model_with(key.clone().unwrap_or_default(), client.clone());
        let own = prices
            .and_then(|prices| prices.get(provider, &id))
            .and_then(|spec| spec.pricing);
        let known = Catalog::builtin().get(provider, &id);
        let is_anthropic = provider.format() == Some(Format::Anthropic);
        let most = known.and_then(|spec| spec.max_output_tokens).map(u64::from);
        Ok(Self {
            inner,
            config,
            client,
            provider,
            id,
            url,
            key,
            key_variable,
            pricing: own.or(known.and_then(|spec| spec.pricing)),
            is_priced_by_operator: own.is_some(),
            // A server that nothing is known of decides itself, unless its protocol wants to be told.
            answer_tokens: most
                .or(is_anthropic.then_some(LLM_ANSWER_TOKENS_MAX))
                .map(|most| most.min(LLM_ANSWER_TOKENS_MAX)),
            // Elsewhere what is asked again is cached without being asked to.
            caches: is_anthropic,
        })
    }

    /// Whether the provider answers, takes the key and has the model.
    pub(super) async fn check(&self) -> Result<String, String> {
        let http = DynHttpClient::new(self.client.clone());
        let listed = match self.config.clone() {
            ProviderConfig::OpenAi(config) => config.connect(http).list_models().await,
            ProviderConfig::Anthropic(config) => config.connect(http).list_models().await,
            ProviderConfig::Gemini(config) => config.connect(http).list_models().await,
        };
        let listed = listed.map_err(|error| failure::of(&error, self).message)?;
        let names: Vec<&str> = listed.data.iter().map(|model| model.id.as_str()).collect();
        // Some servers have names in front of it.
        if names.is_empty() || names.iter().any(|name| name.ends_with(&self.id)) {
            return Ok(format!("{} at {}", self.id, self.url));
        }
        let some = names
            .iter()
            .take(LISTED_MODELS)
            .copied()
            .collect::<Vec<_>>()
            .join(", ");
        Err(format!(
            "{} has no model {}; there are {some}: mend `model`",
            self.url, self.id
        ))
    }

    pub(super) fn provider(&self) -> &'static str {
        self.provider.vendor()
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    pub(super) fn key_variable(&self) -> &str {
        &self.key_variable
    }

    /// Whether it is known what its tokens cost.
    pub(super) fn has_price(&self) -> bool {
        self.pricing.is_some()
    }

    pub(super) fn without_key(&self, text: &str) -> String {
        match &self.key {
            Some(key) => text.replace(key, "***"),
            None => text.to_owned(),
        }
    }

    /// Asks, and asks again where a failure may pass within an attempt. `tokens_left` bounds the answer.
    /// What it costs is told however it ends; what is heard of it goes to `progress`. `tools` are made for each try: nobody keeps them while the model thinks.
    pub(super) async fn ask(
        &self,
        conversation: &[Message],
        tools: &(dyn Fn() -> Vec<ToolDefinition> + Sync),
        tokens_left: Option<u64>,
        progress: &Progress,
    ) -> (Result<CompletionResponse, Failure>, Spent) {
        let most = [self.answer_tokens, tokens_left].into_iter().flatten().min();
        let request = || {
            let request = CompletionRequest::new(Message::user("")).tools(tools());
            let mut request = request.on_unsupported(OnUnsupported::Ignore).max_tokens(most);
            request.chat_history = conversation.to_vec();
            if self.caches {
                request = request.cache(CacheRetention::Short);
            }
            request
        };
        let mut spent = Spent::default();
        let mut tries = 1;
        loop {
            progress.start_over();
            let (answer, cost) = self.try_once(request(), conversation, progress).await;
            spent.add(cost);
            let failure = match answer {
                Ok(response) => return (Ok(response), spent),
                Err(failure) => failure,
            };
            let usual = Duration::from_millis(LLM_TRY_AGAIN_MS << (tries - 1));
            let wait = failure.wait.unwrap_or_default().max(usual);
            if failure.class != ErrorClass::Transient || tries == LLM_TRIES_MAX || wait > LLM_WAIT_MAX {
                return (Err(failure), spent);
            }
            progress.note(&format!(
                "asked again in {:.1} s: {}",
                wait.as_secs_f64(),
                failure.message
            ));
            tokio::time::sleep(wait).await;
            tries += 1;
        }
    }

    async fn try_once(
        &self,
        request: CompletionRequest,
        asked: &[Message],
        progress: &Progress,
    ) -> (Result<CompletionResponse, Failure>, Spent) {
        let mut stream = match self.inner.stream(request) {
            Ok(stream) => stream,
            Err(error) => return (Err(failure::of(&error, self)), Spent::default()),
        };
        let mut bytes = 0;
        while let Some(item) = stream.next().await {
            let fragment = match &item {
                Ok(Item::Event(StreamEvent::Text { text, .. })) => {
                    progress.say(text);
                    text.len()
                }
                Ok(Item::Event(StreamEvent::Reasoning { text, .. })) => text.len(),
                Ok(Item::Event(StreamEvent::Arguments { json, .. })) => json.len(),
                Ok(_) => 0,
                Err(error) => {
                    let spent = self.spent(asked, &stream.partial().usage, bytes);
                    return (Err(failure::of(error, self)), spent);
                }
            };
            bytes += fragment;
            if bytes > LLM_ANSWER_BYTES_MAX {
                let why = format!(
                    "{} answered more than {LLM_ANSWER_BYTES_MAX} bytes at once",
                    self.id
                );
                let spent = self.spent(asked, &stream.partial().usage, bytes);
                return (Err(Failure::new(ErrorClass::Permanent, why)), spent);
            }
        }
        match stream.finish().await {
            Ok(response) => {
                let spent = self.spent(asked, &response.usage, bytes);
                (Ok(response), spent)
            }
            Err(error) => (
                Err(failure::of(&error, self)),
                self.spent(asked, &Usage::new(), bytes),
            ),
        }
    }

    /// What an answer cost. Where the provider does not count tokens, they are estimated: a budget holds all the same.
    fn spent(&self, asked: &[Message], usage: &Usage, answer_bytes: usize) -> Spent {
        let mut usage = *usage;
        if usage.input_tokens.is_none() {
            let asked = serde_json::to_vec(asked).map_or(0, |text| text.len());
            usage = usage.input_tokens(asked as u64 / TOKEN_BYTES);
        }
        if usage.output_tokens.is_none() {
            usage = usage.output_tokens(answer_bytes as u64 / TOKEN_BYTES);
        }
        let listed = || self.pricing.and_then(|pricing| pricing.cost(&usage));
        let cost = match self.is_priced_by_operator {
            true => listed(),
            false => usage.cost.or_else(listed),
        };
        Spent {
            tokens_in: usage.input_tokens.unwrap_or(0),
            tokens_out: usage.output_tokens.unwrap_or(0),
            cost_usd: cost.map_or(0.0, |cost| cost.total),
        }
    }
}
