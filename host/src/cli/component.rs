//! `meanwhile component`.

use std::process::ExitCode;

use crate::component::Component;

/// The contract's files, the world first.
const WIT: [&str; 10] = [
    include_str!("../../../wit/world.wit"),
    include_str!("../../../wit/agent-pipeline.wit"),
    include_str!("../../../wit/conversation.wit"),
    include_str!("../../../wit/directory.wit"),
    include_str!("../../../wit/runner.wit"),
    include_str!("../../../wit/schedule.wit"),
    include_str!("../../../wit/storage.wit"),
    include_str!("../../../wit/timers.wit"),
    include_str!("../../../wit/tools.wit"),
    include_str!("../../../wit/types.wit"),
];

pub(super) fn show(wit: bool) -> anyhow::Result<ExitCode> {
    if wit {
        for file in WIT {
            say_as_is!("{file}");
        }
        return Ok(ExitCode::SUCCESS);
    }
    let sandbox = crate::engine::Sandbox::new()?;
    let component = Component::load(&sandbox, crate::COMPONENT)?;
    say!("digest  {}", component.digest());
    say!("bytes   {}", crate::COMPONENT.len());
    for import in component.imports() {
        say!("import  {import}");
    }
    for export in component.exports() {
        say!("export  {export}");
    }
    Ok(ExitCode::SUCCESS)
}
