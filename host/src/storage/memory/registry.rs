//! Tenants, tokens and components in memory.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use crate::tenants::{ComponentRecord, Registry, TenantRecord, TokenRecord};
use crate::wit::storage::StorageError;
use crate::wit::types::Instant;

/// A registry that lives as long as its value.
#[derive(Default)]
pub struct MemoryRegistry {
    all: Mutex<All>,
}

#[derive(Default)]
struct All {
    tenants: BTreeMap<String, TenantRecord>,
    tokens: BTreeMap<String, TokenRecord>,
    components: BTreeMap<String, (Vec<u8>, Instant)>,
}

impl MemoryRegistry {
    fn all(&self) -> MutexGuard<'_, All> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Registry for MemoryRegistry {
    async fn tenants(&self) -> Result<Vec<TenantRecord>, StorageError> {
        Ok(self.all().tenants.values().cloned().collect())
    }

    async fn put_tenant(&self, tenant: TenantRecord) -> Result<(), StorageError> {
        self.all().tenants.insert(tenant.name.clone(), tenant);
        Ok(())
    }

    async fn remove_tenant(&self, name: &str) -> Result<(), StorageError> {
        let mut all = self.all();
        all.tenants.remove(name);
        all.tokens.retain(|_, token| token.tenant != name);
        Ok(())
    }

    async fn tokens(&self, tenant: &str) -> Result<Vec<TokenRecord>, StorageError> {
        let all = self.all();
        let mut tokens: Vec<_> = all
            .tokens
            .values()
            .filter(|token| token.tenant == tenant)
            .cloned()
            .collect();
        tokens.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
        Ok(tokens)
    }

    async fn token(&self, id: &str) -> Result<Option<TokenRecord>, StorageError> {
        Ok(self.all().tokens.get(id).cloned())
    }

    async fn insert_token(&self, token: TokenRecord) -> Result<(), StorageError> {
        self.all().tokens.insert(token.id.clone(), token);
        Ok(())
    }

    async fn remove_token(&self, tenant: &str, id: &str) -> Result<bool, StorageError> {
        let mut all = self.all();
        let is_theirs = all.tokens.get(id).is_some_and(|token| token.tenant == tenant);
        Ok(is_theirs && all.tokens.remove(id).is_some())
    }

    async fn components(&self) -> Result<Vec<ComponentRecord>, StorageError> {
        let all = self.all();
        let mut components: Vec<_> = all
            .components
            .iter()
            .map(|(digest, (bytes, created_at))| ComponentRecord {
                digest: digest.clone(),
                size_bytes: bytes.len() as u64,
                created_at: *created_at,
            })
            .collect();
        components.sort_by(|a, b| (a.created_at, &a.digest).cmp(&(b.created_at, &b.digest)));
        Ok(components)
    }

    async fn component(&self, digest: &str) -> Result<Option<Vec<u8>>, StorageError> {
        Ok(self.all().components.get(digest).map(|(bytes, _)| bytes.clone()))
    }

    async fn insert_component(
        &self,
        digest: &str,
        bytes: Vec<u8>,
        created_at: Instant,
    ) -> Result<(), StorageError> {
        let mut all = self.all();
        all.components
            .entry(digest.to_owned())
            .or_insert((bytes, created_at));
        Ok(())
    }

    async fn remove_component(&self, digest: &str) -> Result<bool, StorageError> {
        let mut all = self.all();
        let used = all
            .tenants
            .values()
            .any(|tenant| tenant.component.as_deref() == Some(digest));
        Ok(!used && all.components.remove(digest).is_some())
    }
}
