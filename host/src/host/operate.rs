//! What an operator does with tenants, their tokens and their components.

use serde_json::{Value, json};

use super::answers::{error, invalid, storage_failed};
use super::components::RefusedComponent;
use super::{Host, LOCAL_TENANT};
use crate::limits::{TENANTS_MAX, TOKEN_NAME_CHARS_MAX, TOKENS_MAX};
use crate::runtime::DAY_MS;
use crate::service::CallError;
use crate::storage::usage::Amounts;
use crate::tenants::{
    LimitError, LimitOverrides, NewState, NewTenant, NewToken, Scopes, TenantChanges, TenantCommand,
    TenantRecord, TenantState, TokenRecord, is_tenant_name, token,
};
use crate::wit::types::Instant;

impl From<LimitError> for CallError {
    fn from(error: LimitError) -> Self {
        invalid(&format!("limits.{}", error.field), &error.message)
    }
}

impl From<RefusedComponent> for CallError {
    fn from(refused: RefusedComponent) -> Self {
        let code = match refused {
            RefusedComponent::Busy => "unavailable",
            _ => "invalid_argument",
        };
        error(code, refused)
    }
}

impl Host {
    /// Carries out an operator's command. The caller has the scope for it.
    pub(super) async fn command(&self, command: TenantCommand) -> Result<Value, CallError> {
        // One change at a time: each rests on what the one before left.
        let _turn = self.0.changes.lock().await;
        match command {
            TenantCommand::List => {
                let mut tenants = Vec::new();
                for record in self.0.registry.tenants().await.map_err(storage_failed)? {
                    tenants.push(self.tenant_json(&record).await?);
                }
                Ok(json!({ "tenants": tenants }))
            }
            TenantCommand::Show(name) => self.tenant_json(&self.record(&name).await?).await,
            TenantCommand::Add(new) => self.add(new).await,
            TenantCommand::Change(name, changes) => self.change(&name, changes).await,
            TenantCommand::Remove(name) => self.remove(&name).await,
            TenantCommand::Tokens(name) => {
                self.record(&name).await?;
                let tokens = self.0.registry.tokens(&name).await.map_err(storage_failed)?;
                let tokens: Vec<Value> = tokens.iter().map(token_json).collect();
                Ok(json!({ "tokens": tokens }))
            }
            TenantCommand::IssueToken(name, new) => self.issue(name, new).await,
            TenantCommand::RevokeToken(name, id) => {
                let removed = self.0.registry.remove_token(&name, &id).await;
                if removed.map_err(storage_failed)? {
                    return Ok(json!({ "token_id": id, "revoked": true }));
                }
                Err(error(
                    "not_found",
                    format_args!("the tenant `{name}` has no token `{id}`"),
                ))
            }
            TenantCommand::Components => {
                let components = self.0.registry.components().await.map_err(storage_failed)?;
                let embedded = self.0.component.digest();
                Ok(json!({ "default": embedded, "components": components }))
            }
            TenantCommand::UploadComponent(bytes) => self.upload(bytes).await,
            TenantCommand::RemoveComponent(digest) => {
                let removed = self.0.registry.remove_component(&digest).await;
                if removed.map_err(storage_failed)? {
                    return Ok(json!({ "digest": digest, "removed": true }));
                }
                let there = self
                    .0
                    .registry
                    .component(&digest)
                    .await
                    .map_err(storage_failed)?
                    .is_some();
                Err(if there {
                    error(
                        "conflict",
                        "a tenant has this component: give it another one first",
                    )
                } else {
                    error("not_found", format_args!("there is no component `{digest}`"))
                })
            }
        }
    }

    async fn record(&self, name: &str) -> Result<TenantRecord, CallError> {
        let tenants = self.0.registry.tenants().await.map_err(storage_failed)?;
        tenants
            .into_iter()
            .find(|record| record.name == name)
            .ok_or_else(|| error("not_found", format_args!("there is no tenant `{name}`")))
    }

    async fn tenant_json(&self, record: &TenantRecord) -> Result<Value, CallError> {
        let stored = self
            .0
            .storage
            .stored(&record.name)
            .await
            .map_err(storage_failed)?;
        let today = self.0.clock.now().div_euclid(DAY_MS);
        let today = self.0.storage.day_use(&record.name, today).await;
        let today = today.map_err(storage_failed)?;
        let amounts = |amounts: Amounts| {
            json!({
                "tokens": amounts.tokens,
                "cost_usd": amounts.cost_micros as f64 / 1e6,
                "tool_calls": amounts.tool_calls,
                "seconds": amounts.milliseconds as f64 / 1e3,
            })
        };
        Ok(json!({
            "name": record.name,
            "state": record.state.word(),
            "limits": record.limits.over(self.0.limits),
            "own_limits": record.limits,
            "component": record.component.as_deref().unwrap_or_else(|| self.0.component.digest()),
            "stored": { "live_jobs": stored.live_jobs, "bytes": stored.bytes },
            "today": { "used": amounts(today.used), "reserved": amounts(today.reserved) },
            "created_at": rfc3339(record.created_at),
        }))
    }

    async fn add(&self, new: NewTenant) -> Result<Value, CallError> {
        if !is_tenant_name(&new.name) {
            let message = "a tenant's name is 1 to 63 lower-case letters, digits, `-` and `_`, and begins with a \
                           letter or digit";
            return Err(invalid("name", message));
        }
        let tenants = self.0.registry.tenants().await.map_err(storage_failed)?;
        if tenants.iter().any(|record| record.name == new.name) {
            return Err(error(
                "conflict",
                format_args!("there is a tenant `{}` already", new.name),
            ));
        }
        if tenants.len() >= TENANTS_MAX {
            return Err(error(
                "quota_exceeded",
                format_args!("one host serves at most {TENANTS_MAX} tenants"),
            ));
        }
        let mut record = TenantRecord::new(new.name, self.0.clock.now());
        record.limits = LimitOverrides::default().merged(&new.limits)?;
        record.component = new.component;
        // Before it is written: a component that is not there is told.
        let component = self.component_of(&record).await?;
        self.0
            .registry
            .put_tenant(record.clone())
            .await
            .map_err(storage_failed)?;
        self.serve(&record, component);
        tracing::info!(tenant = record.name, "a tenant was added");
        self.tenant_json(&record).await
    }

    async fn change(&self, name: &str, changes: TenantChanges) -> Result<Value, CallError> {
        let mut record = self.record(name).await?;
        if record.state == TenantState::Removing {
            return Err(error(
                "conflict",
                format_args!("the tenant `{name}` is being removed"),
            ));
        }
        record.limits = record.limits.merged(&changes.limits)?;
        if let Some(component) = changes.component {
            record.component = component;
        }
        if let Some(state) = changes.state {
            record.state = match state {
                NewState::Active => TenantState::Active,
                NewState::Suspended => TenantState::Suspended,
            };
        }
        let component = self.component_of(&record).await?;
        self.0
            .registry
            .put_tenant(record.clone())
            .await
            .map_err(storage_failed)?;
        match record.state {
            TenantState::Active => self.serve(&record, component),
            _ => self.withdraw(&record).await,
        }
        tracing::info!(tenant = name, state = record.state.word(), "a tenant was changed");
        self.tenant_json(&record).await
    }

    async fn remove(&self, name: &str) -> Result<Value, CallError> {
        if name == LOCAL_TENANT {
            return Err(error(
                "conflict",
                "the local tenant cannot be removed, only suspended",
            ));
        }
        let mut record = self.record(name).await?;
        record.state = TenantState::Removing;
        self.0
            .registry
            .put_tenant(record.clone())
            .await
            .map_err(storage_failed)?;
        self.finish_removal(record).await;
        tracing::info!(tenant = name, "a tenant is being removed");
        Ok(json!({ "name": name, "state": TenantState::Removing.word() }))
    }

    async fn issue(&self, tenant: String, new: NewToken) -> Result<Value, CallError> {
        self.record(&tenant).await?;
        for (field, text) in [("agent", &new.agent), ("user", &new.user)] {
            let length = text.chars().count();
            if !(1..=TOKEN_NAME_CHARS_MAX).contains(&length) || text.chars().any(char::is_control) {
                let message = format!("`{field}` has 1 to {TOKEN_NAME_CHARS_MAX} characters");
                return Err(invalid(field, &message));
            }
        }
        if let Some(zone) = &new.timezone
            && zone.parse::<chrono_tz::Tz>().is_err()
        {
            return Err(invalid("timezone", "expected an IANA name such as Europe/Berlin"));
        }
        let scopes = match &new.scopes {
            None => Scopes::jobs(),
            Some(words) => words
                .join(" ")
                .parse()
                .map_err(|message: String| invalid("scopes", &message))?,
        };
        if scopes == Scopes::NONE {
            return Err(invalid("scopes", "a token without a scope can do nothing"));
        }
        let kept = self.0.registry.tokens(&tenant).await.map_err(storage_failed)?;
        if kept.len() >= TOKENS_MAX {
            return Err(error(
                "quota_exceeded",
                format_args!("a tenant has at most {TOKENS_MAX} tokens: revoke some"),
            ));
        }
        let (id, hash, secret) = token::issue().map_err(|failure| error("unavailable", failure))?;
        let now = self.0.clock.now();
        let record = TokenRecord {
            id,
            hash,
            tenant,
            agent: new.agent,
            user: new.user,
            scopes,
            timezone: new.timezone,
            created_at: now,
            expires_at: new
                .expires_in_seconds
                .map(|seconds| now.saturating_add(i64::from(seconds) * 1_000)),
        };
        let mut answer = token_json(&record);
        self.0
            .registry
            .insert_token(record)
            .await
            .map_err(storage_failed)?;
        answer["token"] = secret.into();
        Ok(answer)
    }

    async fn upload(&self, bytes: Vec<u8>) -> Result<Value, CallError> {
        let component = self.0.components.load_in_time(bytes.clone()).await?;
        let digest = component.digest().to_owned();
        self.0
            .registry
            .insert_component(&digest, bytes, self.0.clock.now())
            .await
            .map_err(storage_failed)?;
        tracing::info!(digest, "a component was uploaded");
        Ok(json!({ "digest": digest, "imports": component.imports(), "exports": component.exports() }))
    }
}

fn token_json(record: &TokenRecord) -> Value {
    json!({
        "token_id": record.id,
        "tenant": record.tenant,
        "agent": record.agent,
        "user": record.user,
        "scopes": record.scopes.words(),
        "timezone": record.timezone,
        "created_at": rfc3339(record.created_at),
        "expires_at": record.expires_at.map(rfc3339),
    })
}

fn rfc3339(instant: Instant) -> Option<String> {
    chrono::DateTime::from_timestamp_millis(instant)
        .map(|at| at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true))
}
