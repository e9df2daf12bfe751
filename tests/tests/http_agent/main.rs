//! The agent behind an address, through whole hosts: outcomes that come later, and who may send them.
#![allow(clippy::unwrap_used)]

mod later;
mod program;

/// A secret as Standard Webhooks has them. It signs for nobody but these tests.
const SECRET: &str = "whsec_bm9ib2R5IGVsc2Ugc2lnbnMgd2l0aCB0aGlzIGtleQ==";
