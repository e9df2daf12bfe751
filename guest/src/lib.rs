//! The jobs component: pure job logic behind the contract in `wit/`. It reads rows, decides, and
//! writes rows; what it cannot import it cannot do.
//!
//! Everything but `glue` compiles and is tested natively; `glue` binds it to the component's
//! imports and exports.

pub mod bindings;
pub mod trigger;
pub mod world;
