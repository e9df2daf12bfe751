//! Turns the core module into a component: `componentize CORE.wasm COMPONENT.wasm`.

use anyhow::{Context, Result, bail};
use wit_component::ComponentEncoder;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, core, component] = &arguments[..] else {
        bail!("usage: componentize CORE.wasm COMPONENT.wasm");
    };
    let module = std::fs::read(core).with_context(|| format!("cannot read {core}"))?;
    let bytes = ComponentEncoder::default()
        .validate(true)
        .module(&module)
        .context("the module does not fit the contract in wit/")?
        .encode()
        .context("the module cannot be encoded as a component")?;
    // Written aside and moved, so that nobody ever reads half a component.
    let aside = format!("{component}.part");
    std::fs::write(&aside, bytes).with_context(|| format!("cannot write {aside}"))?;
    std::fs::rename(&aside, component).with_context(|| format!("cannot write {component}"))?;
    Ok(())
}
