//! Which host sends a tenant's messages. By the database's clock, also where jobs are due by one that is
//! moved by hand: sending takes real time.

use std::time::Duration;

use super::PostgresStorage;
use super::claim::DATABASE_NOW;
use super::failure::Failure;
use super::session::{self, Scope, Sql};
use super::value::Value;

impl PostgresStorage {
    pub(super) async fn hold(&self, tenant: &str, owner: &str, lasting: Duration) -> Result<bool, Failure> {
        let sql = format!(
            "INSERT INTO outboxes (tenant, owner, held_until) VALUES ($1, $2, {DATABASE_NOW} + $3) \
             ON CONFLICT (tenant) DO UPDATE SET owner = $2, held_until = {DATABASE_NOW} + $3 \
             WHERE outboxes.owner = $2 OR outboxes.held_until <= {DATABASE_NOW} RETURNING 1"
        );
        let values = [
            Value::text(tenant),
            Value::text(owner),
            Value::Int(i64::try_from(lasting.as_millis()).unwrap_or(i64::MAX)),
        ];
        let held =
            session::change_again(&self.pool, Scope::Tenant(tenant), Sql::Fixed(&sql), &values).await?;
        Ok(!held.is_empty())
    }

    pub(super) async fn leave(&self, tenant: &str, owner: &str) -> Result<(), Failure> {
        let sql = "DELETE FROM outboxes WHERE tenant = $1 AND owner = $2";
        let values = [Value::text(tenant), Value::text(owner)];
        session::change_again(&self.pool, Scope::Tenant(tenant), Sql::Fixed(sql), &values).await?;
        Ok(())
    }
}
