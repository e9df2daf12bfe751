//! A host with several tenants, some of whom have brought a component of their own.

use std::collections::BTreeMap;
use std::sync::Arc;

use meanwhile::agent::noop::Noop;
use meanwhile::clock::ManualClock;
use meanwhile::host::{Host, LOCAL_TENANT};
use meanwhile::service::{CallError, Service, Session};
use meanwhile::storage::sqlite::SqliteStorage;
use meanwhile::tenants::{NewTenant, Scopes, TenantChanges, TenantCommand};
use serde_json::{Value, json};

use super::component;
use crate::given::T0_MS;
use crate::in_process::caller;

/// Limits of a tenant that is expected to use them up: small, so that it does not take long.
#[must_use]
pub fn tight() -> Value {
    json!({ "cpu_ms_per_call": 50, "memory_bytes_per_call": 6 << 20 })
}

/// See the module. The clock stands at [`T0_MS`].
pub struct Yard {
    pub host: Host,
    pub storage: Arc<SqliteStorage>,
    folder: tempfile::TempDir,
}

/// Who calls on behalf of a tenant.
#[must_use]
pub fn session(tenant: &str) -> Session {
    Session {
        tenant: tenant.into(),
        caller: caller("agent", "ada"),
        scopes: Scopes::all(),
    }
}

impl Yard {
    #[allow(clippy::new_without_default)]
    pub async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let storage = Arc::new(SqliteStorage::open(folder.path().join("yard.db")).unwrap());
        let host = Host::builder()
            .storage(Arc::clone(&storage) as _)
            .registry(Arc::clone(&storage) as _)
            .agent(Arc::new(Noop))
            .clock(Arc::new(ManualClock::new(T0_MS)))
            .build()
            .await
            .unwrap();
        host.start().await.unwrap();
        Self {
            host,
            storage,
            folder,
        }
    }

    /// # Errors
    /// The host's refusal.
    pub async fn operate(&self, command: TenantCommand) -> Result<Value, CallError> {
        self.host.operate(&session(LOCAL_TENANT), command).await
    }

    /// Uploads the component of a hostile guest; answers its digest.
    ///
    /// # Errors
    /// The host's refusal.
    pub async fn upload(&self, guest: &str) -> Result<String, CallError> {
        self.upload_bytes(component(guest)).await
    }

    /// # Errors
    /// The host's refusal.
    pub async fn upload_bytes(&self, component: Vec<u8>) -> Result<String, CallError> {
        let answer = self.operate(TenantCommand::UploadComponent(component)).await?;
        Ok(answer["digest"].as_str().unwrap().to_owned())
    }

    pub async fn add_tenant(&self, name: &str, limits: &Value) {
        let new = NewTenant {
            name: name.into(),
            limits: limits.as_object().unwrap().clone(),
            component: None,
        };
        self.operate(TenantCommand::Add(new)).await.unwrap();
    }

    /// From now on a tenant runs this component; none: the host's own.
    pub async fn give(&self, tenant: &str, digest: Option<&str>) {
        let changes = TenantChanges {
            component: Some(digest.map(Into::into)),
            ..TenantChanges::default()
        };
        let change = TenantCommand::Change(tenant.into(), changes);
        self.operate(change).await.unwrap();
    }

    /// # Errors
    /// The tool's, or what the host says where the component did not answer.
    pub async fn call(&self, tenant: &str, tool: &str, arguments: Value) -> Result<Value, Value> {
        let answer = self.host.call(&session(tenant), "tools", tool, arguments).await;
        answer.map_err(|CallError(error)| error)
    }

    /// A job for next year; answers its id.
    pub async fn create(&self, tenant: &str, title: &str) -> String {
        let job = json!({
            "title": title, "payload": format!("Do: {title}"), "confirm_new": true,
            "trigger_config": {"run_at": "2027-06-01T09:00:00", "timezone": "Asia/Shanghai"},
        });
        let answer = self.call(tenant, "job-create", job).await.unwrap();
        answer["job"]["job_id"].as_str().unwrap().to_owned()
    }

    /// The titles of a tenant's jobs that a search for a word finds.
    pub async fn found(&self, tenant: &str, word: &str) -> Vec<String> {
        let answer = self
            .call(tenant, "job-retrieval-by-keywords", json!({"keywords": [word]}))
            .await
            .unwrap();
        let jobs = answer["jobs"].as_array().unwrap();
        jobs.iter()
            .map(|job| job["title"].as_str().unwrap().to_owned())
            .collect()
    }

    /// Every row of every tenant but one, as text, by table.
    #[must_use]
    pub fn rows_of_others(&self, tenant: &str) -> BTreeMap<&'static str, Vec<String>> {
        rows(&self.folder.path().join("yard.db"), |other| other != tenant)
    }
}

/// Every row of the tenants that are wanted, as text, by table.
#[must_use]
pub fn rows(file: &std::path::Path, wanted: impl Fn(&str) -> bool) -> BTreeMap<&'static str, Vec<String>> {
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
    let connection = rusqlite::Connection::open_with_flags(file, flags).unwrap();
    let mut all = BTreeMap::new();
    for table in ["jobs", "runs", "edges", "messages", "changes", "stored"] {
        let mut statement = connection
            .prepare(&format!("SELECT * FROM {table} ORDER BY 1, 2, 3"))
            .unwrap();
        let columns = statement.column_count();
        let tenant = statement.column_index("tenant").unwrap();
        let mut rows = statement.query([]).unwrap();
        let mut texts = Vec::new();
        while let Some(row) = rows.next().unwrap() {
            if wanted(&row.get::<_, String>(tenant).unwrap()) {
                let values = (0..columns).map(|column| format!("{:?}", row.get_ref(column).unwrap()));
                texts.push(values.collect::<Vec<_>>().join(" | "));
            }
        }
        all.insert(table, texts);
    }
    all
}
