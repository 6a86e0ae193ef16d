//! What the operating system is asked directly: room on the disk, and which pages of the store are mapped.

use std::ffi::CString;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes that may still be written to the file system of a path.
pub fn free_bytes(path: &Path) -> Option<u64> {
    let path = CString::new(path.as_os_str().as_bytes()).ok()?;
    let mut space = std::mem::MaybeUninit::<libc::statvfs>::uninit();
    // Safety: the path ends with a zero byte, and the result is read only if the call filled it.
    #[expect(unsafe_code, reason = "a call of the system")]
    let space = unsafe {
        if libc::statvfs(path.as_ptr(), space.as_mut_ptr()) != 0 {
            return None;
        }
        space.assume_init()
    };
    Some(space.f_bavail as u64 * space.f_frsize as u64)
}

/// The pages of one mapped file that are in memory.
pub struct MappedFile {
    path: PathBuf,
    /// Bytes of all files that were mapped when this one's pages were last given back, or fewer.
    floor_bytes: AtomicUsize,
}

impl MappedFile {
    /// A file that is or will be mapped, read only.
    pub fn new(path: PathBuf) -> Self {
        Self {
            path,
            floor_bytes: AtomicUsize::new(0),
        }
    }

    /// Give its pages back once the process has `bytes_max` more of files mapped than when it last did.
    ///
    /// They stay in the system's page cache, where they cost nothing that others may not take; without this, every page
    /// of the store that was ever read would count as memory of the process. Other mapped files count until they are
    /// found to stay. Does nothing where the system does not tell.
    pub fn release_above(&self, bytes_max: usize) {
        let Some(bytes) = mapped_bytes() else {
            return;
        };
        let floor = self.floor_bytes.fetch_min(bytes, Ordering::Relaxed).min(bytes);
        if bytes - floor > bytes_max {
            release(&self.path);
            self.floor_bytes.store(mapped_bytes().unwrap_or(0), Ordering::Relaxed);
        }
    }
}

/// Bytes of files that are mapped and in memory.
fn mapped_bytes() -> Option<usize> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("RssFile:"))?;
    Some(line.trim().strip_suffix(" kB")?.parse::<usize>().ok()? * 1024)
}

fn release(path: &Path) -> Option<()> {
    let path = fs::canonicalize(path).ok()?;
    let maps = fs::read_to_string("/proc/self/maps").ok()?;
    for line in maps.lines().filter(|line| line.ends_with(&*path.to_string_lossy())) {
        let (start, end) = line.split(' ').next()?.split_once('-')?;
        let [start, end] = [start, end].map(|place| usize::from_str_radix(place, 16));
        let (start, end) = (start.ok()?, end.ok()?);
        // Safety: the pages are of a file, mapped shared and never written through the map; they are read again from
        // the file when they are next looked at.
        #[expect(unsafe_code, reason = "a call of the system")]
        unsafe {
            libc::madvise(start as *mut libc::c_void, end - start, libc::MADV_DONTNEED)
        };
    }
    Some(())
}
