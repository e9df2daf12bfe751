//! What this process takes from the machine (Linux).

/// A line of `/proc/self/status`, such as `VmRSS` in KiB.
fn status(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(name));
    let value = line.and_then(|line| line.split_whitespace().nth(1));
    value.unwrap().parse().unwrap()
}

/// Resident memory, threads, open files.
#[derive(Clone, Copy, Debug)]
pub struct Taken {
    pub resident_kib: u64,
    pub threads: u64,
    pub files: u64,
}

impl Taken {
    #[must_use]
    pub fn now() -> Self {
        Self {
            resident_kib: status("VmRSS:"),
            threads: status("Threads:"),
            files: std::fs::read_dir("/proc/self/fd").unwrap().count() as u64,
        }
    }
}
