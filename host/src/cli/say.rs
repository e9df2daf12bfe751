//! What commands say, on stdout. Whoever reads no further (`| head`) has what they wanted: then the program
//! ends, and says nothing.

use std::fmt::Arguments;
use std::io::{self, ErrorKind, StdoutLock, Write};

/// The status of a program that nobody listens to any more: what a shell makes of SIGPIPE (128 + 13). The signal
/// itself stays ignored: to a host, an agent that closes its pipe is a failed run.
const UNHEARD: i32 = 141;

/// Stdout, as long as somebody reads it.
pub(super) struct Out(StdoutLock<'static>);

impl Out {
    pub(super) fn lock() -> Self {
        Self(io::stdout().lock())
    }
}

/// Ends the program where nobody reads.
fn heard<T>(written: io::Result<T>) -> io::Result<T> {
    if let Err(error) = &written
        && error.kind() == ErrorKind::BrokenPipe
    {
        std::process::exit(UNHEARD);
    }
    written
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        heard(self.0.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        heard(self.0.flush())
    }
}

/// Says something; a stdout that takes nothing for another reason (a full disk) is told, and is the end too.
pub(super) fn say(what: Arguments<'_>) {
    let mut out = Out::lock();
    if let Err(error) = out.write_fmt(what).and_then(|()| out.flush()) {
        eprintln!("meanwhile: stdout cannot be written: {error}");
        std::process::exit(1);
    }
}

/// `println!`, as [`say`] does it.
macro_rules! say {
    ($($what:tt)*) => {
        $crate::cli::say::say(format_args!("{}\n", format_args!($($what)*)))
    };
}

/// `print!`, as [`say`] does it.
macro_rules! say_as_is {
    ($($what:tt)*) => {
        $crate::cli::say::say(format_args!($($what)*))
    };
}
