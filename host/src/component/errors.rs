//! Why a component is not taken, and why a call of it did not come to its end.

use crate::limits;

/// Why a component is not taken.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// It does not validate, uses a feature that is switched off, or the compiler cannot cope with
    /// it.
    #[error("this is no WebAssembly component that the host runs: {0}")]
    Invalid(String),
    /// It imports something beyond the world `jobs` (`wit/world.wit`), by this name.
    #[error("the component imports `{0}`, which the host does not offer")]
    UnknownImport(String),
    /// An export of the contract is missing or has another type.
    #[error("the component does not fit the contract meanwhile:jobs@0.1.0: {0}")]
    Contract(String),
}

/// Why a call of the component did not come to its end. Its instance is gone, nothing else is.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum CallFailure {
    /// It took more CPU time than [`TenantLimits::cpu_ms_per_call`](crate::tenants::TenantLimits).
    #[error("the component computed for too long")]
    CpuBudget,
    /// It took more real time than [`CALL_WALL_CLOCK`](crate::limits::CALL_WALL_CLOCK), waiting
    /// included.
    #[error("the call took longer than {} s", limits::CALL_WALL_CLOCK.as_secs())]
    WallClock,
    /// It wanted more linear memory than
    /// [`TenantLimits::memory_bytes_per_call`](crate::tenants::TenantLimits), or rows that would
    /// not fit into it.
    #[error("the component wanted more memory than it may have")]
    Memory,
    /// It called imports more often than [`HOST_CALLS_MAX`](crate::limits::HOST_CALLS_MAX).
    #[error("the component called the host more than {} times", limits::HOST_CALLS_MAX)]
    HostCallBudget,
    /// It wrote, claimed or started what the host does not let a component do.
    #[error("the component did what it may not: {0}")]
    Forbidden(&'static str),
    /// It trapped, or there is no such function; the text has the reason.
    #[error("the component failed: {0}")]
    Trap(String),
    /// No instance was free within [`POOL_WAIT`](crate::limits::POOL_WAIT): of the pool, or of what
    /// the tenant may have of it.
    #[error("every instance of the component is busy; try again in a moment")]
    Busy,
}
