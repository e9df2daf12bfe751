//! Tenants, tokens and components on every registry, and over a restart.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use meanwhile::storage::memory::MemoryRegistry;
use meanwhile::storage::postgres::{LeaseClock, PostgresStorage};
use meanwhile::storage::sqlite::SqliteStorage;
use meanwhile::tenants::{LimitOverrides, Registry, Scopes, TenantRecord, TenantState, TokenRecord, token};
use meanwhile_tests::cluster::{Cluster, ROLE};
use serde_json::json;

fn acme() -> TenantRecord {
    let limits = json!({ "jobs_max": 7 });
    TenantRecord {
        name: "acme".into(),
        state: TenantState::Suspended,
        limits: LimitOverrides::default()
            .merged(limits.as_object().unwrap())
            .unwrap(),
        component: Some("d1".into()),
        created_at: 5,
    }
}

fn any_token(tenant: &str, created_at: i64) -> TokenRecord {
    let (id, hash, _) = token::issue().unwrap();
    TokenRecord {
        id,
        hash,
        tenant: tenant.into(),
        agent: "agent".into(),
        user: "ada".into(),
        scopes: Scopes::jobs(),
        timezone: Some("Europe/Berlin".into()),
        created_at,
        expires_at: Some(99),
    }
}

async fn keeps_what_it_is_given(registry: Arc<dyn Registry>) {
    let other = TenantRecord::new("beta", 6);
    registry.put_tenant(other.clone()).await.unwrap();
    registry.put_tenant(TenantRecord::new("acme", 5)).await.unwrap();
    registry.put_tenant(acme()).await.unwrap();
    assert_eq!(registry.tenants().await.unwrap(), vec![acme(), other.clone()]);

    let (first, second, theirs) = (any_token("acme", 1), any_token("acme", 2), any_token("beta", 1));
    for token in [&second, &first, &theirs] {
        registry.insert_token(token.clone()).await.unwrap();
    }
    assert_eq!(
        registry.tokens("acme").await.unwrap(),
        vec![first.clone(), second]
    );
    assert_eq!(registry.token(&theirs.id).await.unwrap(), Some(theirs.clone()));
    assert!(!registry.remove_token("beta", &first.id).await.unwrap());
    assert!(registry.remove_token("acme", &first.id).await.unwrap());

    for (digest, at) in [("d1", 1), ("d2", 2), ("d1", 3)] {
        registry
            .insert_component(digest, digest.as_bytes().to_vec(), at)
            .await
            .unwrap();
    }
    let components = registry.components().await.unwrap();
    let known: Vec<_> = components
        .iter()
        .map(|it| (it.digest.as_str(), it.size_bytes))
        .collect();
    assert_eq!(known, [("d1", 2), ("d2", 2)]);
    assert_eq!(registry.component("d2").await.unwrap(), Some(b"d2".to_vec()));
    // One that a tenant has stays.
    assert!(!registry.remove_component("d1").await.unwrap());
    assert!(registry.remove_component("d2").await.unwrap());

    registry.remove_tenant("acme").await.unwrap();
    assert_eq!(registry.tenants().await.unwrap(), vec![other]);
    assert!(registry.tokens("acme").await.unwrap().is_empty());
    assert_eq!(registry.token(&theirs.id).await.unwrap(), Some(theirs));
    assert!(registry.remove_component("d1").await.unwrap());
}

#[tokio::test]
async fn a_registry_in_memory_keeps_what_it_is_given() {
    keeps_what_it_is_given(Arc::new(MemoryRegistry::default())).await;
}

#[tokio::test]
async fn a_registry_in_sqlite_keeps_what_it_is_given() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStorage::open(folder.path().join("store.db")).unwrap();
    keeps_what_it_is_given(Arc::new(store)).await;
}

#[tokio::test]
#[ignore = "needs Postgres"]
async fn a_registry_in_postgres_keeps_what_it_is_given() {
    let cluster = Cluster::of_process();
    let url = cluster.url(ROLE, &cluster.database().await);
    let store = PostgresStorage::open(&url, LeaseClock::Caller).await.unwrap();
    keeps_what_it_is_given(Arc::new(store)).await;
}

#[tokio::test]
async fn a_registry_in_sqlite_keeps_it_over_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let token = any_token("acme", 1);
    let store = SqliteStorage::open(&path).unwrap();
    store.put_tenant(acme()).await.unwrap();
    store.insert_token(token.clone()).await.unwrap();
    drop(store);
    let store = SqliteStorage::open(&path).unwrap();
    assert_eq!(store.tenants().await.unwrap(), vec![acme()]);
    assert_eq!(store.tokens("acme").await.unwrap(), vec![token]);
}
