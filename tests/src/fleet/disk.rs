//! A disk that can be full.

#![allow(clippy::unwrap_used)]

use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

/// A small file system in memory, unmounted when this is dropped.
pub struct SmallDisk(tempfile::TempDir);

/// The file that takes the room.
const BALLAST: &str = "ballast";

impl SmallDisk {
    /// Needs the right to mount.
    ///
    /// # Panics
    /// When it cannot be mounted.
    #[must_use]
    pub fn mount(mebibytes: u32) -> Self {
        // Under /tmp: others than root have to reach it, and a socket's path is short by law.
        let folder = tempfile::Builder::new()
            .prefix("mw-disk-")
            .tempdir_in("/tmp")
            .unwrap();
        let size = format!("size={mebibytes}m,mode=777");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "none"])
            .arg(folder.path())
            .status();
        assert!(mounted.unwrap().success(), "a tmpfs cannot be mounted");
        std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o777)).unwrap();
        Self(folder)
    }

    #[must_use]
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Takes all the room that is left.
    ///
    /// # Panics
    /// When there was none.
    pub fn fill(&self) {
        let mut ballast = File::create(self.path().join(BALLAST)).unwrap();
        let (mut piece, mut written) = (1 << 20, 0);
        let zeros = vec![0; piece];
        while piece > 0 {
            match ballast.write(&zeros[..piece]) {
                Ok(count) if count > 0 => written += count,
                _ => piece /= 2,
            }
        }
        assert!(written > 0, "the disk was full before");
    }

    /// Gives it back.
    ///
    /// # Panics
    /// When it was not taken.
    pub fn relieve(&self) {
        std::fs::remove_file(self.path().join(BALLAST)).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // A program that still has a file open keeps it until it ends.
        let _ = Command::new("umount").arg("-l").arg(self.path()).status();
    }
}
