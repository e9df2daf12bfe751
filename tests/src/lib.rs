//! What tests of several crates share.

pub mod served;
pub mod sim;
pub mod storage_suite;
