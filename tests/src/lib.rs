//! What tests of several crates share.

pub mod clients;
pub mod cluster;
pub mod concepts;
pub mod differential;
pub mod fleet;
pub mod given;
pub mod hostile;
pub mod in_process;
pub mod interposed;
pub mod issuer;
pub mod provider;
pub mod rows;
pub mod scripted;
pub mod search_eval;
pub mod served;
pub mod sim;
pub mod storage_suite;
pub mod stories;
