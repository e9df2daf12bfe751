//! Moving a store: all of its rows as lines of JSON ([`export`]), and those lines as the rows of another
//! store ([`Import`]), of the same storage or another one.
//!
//! An export is a header, a line for each row, table by table, and a last line with counts and a digest, so
//! that nothing is taken for whole that is not. It depends on nothing but the rows: the same rows make the
//! same lines. So an import that was stopped is begun again with the same export, or with another one of a
//! store that has not changed: it passes over the lines that are there, and checks that they are the same.

mod export;
mod import;
mod lines;

pub use self::export::{ExportError, export};
pub use self::import::{Import, ImportError};
pub use self::lines::FORMAT;
