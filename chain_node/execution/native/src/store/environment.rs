//! The LMDB environment of a store: lock, map, transactions, and what its errors mean.
//!
//! LMDB never overwrites pages of the last durable transaction, so a crash at any instant leaves the store as it was
//! after some commit. Its map is a reservation of address space and grows by doubling; the file grows with what is
//! written.

use super::tables::Tables;
use super::types::Limits;
use crate::error::{Error, Kind, Result};
use heed::{Env, EnvFlags, EnvOpenOptions, MdbError, RoTxn, RwTxn, WithoutTls};
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

/// Transactions that may read at one time.
const READERS_MAX: u32 = 1024;

/// The map's size is a multiple of this, and so of the size of pages on every system.
const MAP_STEP_BYTES: usize = 1 << 20;

/// Less room than this on the disk means that a failed write failed for want of it.
const DISK_FULL_BYTES: u64 = 64 * 1024;

/// An open environment, until it is closed.
pub struct Environment {
    path: PathBuf,
    map_bytes_max: usize,
    // After a failed write the system may believe pages to be on the disk that are not: nothing is written on top.
    has_failed: AtomicBool,
    // LMDB may only resize or leave its map while no transaction is open, so transactions hold this for reading.
    open: RwLock<Option<Open>>,
}

struct Open {
    environment: Env<WithoutTls>,
    tables: Tables,
    // Unlocked when it is closed, which must come last.
    _lock: File,
}

impl Environment {
    /// Open the files, or create them where there are none.
    pub fn open(path: &Path, limits: Limits) -> Result<Self> {
        std::fs::create_dir_all(path).map_err(|error| opening(path, error.into()))?;
        let lock = lock(path)?;
        let data_bytes = std::fs::metadata(path.join("data.mdb")).map_or(0, |data| data.len() as usize);
        let mut options = EnvOpenOptions::new().read_txn_without_tls();
        options.map_size(limits.map_bytes_start.max(data_bytes).next_multiple_of(MAP_STEP_BYTES));
        options.max_dbs(Tables::COUNT).max_readers(READERS_MAX);
        let environment = open_files(path, &mut options).map_err(|error| opening(path, error))?;
        check_length(path, &environment)?;
        let mut transaction = environment.write_txn().map_err(|error| opening(path, error))?;
        let tables = Tables::create(&environment, &mut transaction).map_err(|error| opening(path, error))?;
        transaction.commit().map_err(|error| opening(path, error))?;
        let open = RwLock::new(Some(Open {
            environment,
            tables,
            _lock: lock,
        }));
        Ok(Self {
            path: path.to_owned(),
            map_bytes_max: limits.map_bytes_max,
            has_failed: AtomicBool::new(false),
            open,
        })
    }

    /// Release the files; every later call is an error.
    pub fn close(&self) {
        self.open.write().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// Read in one transaction.
    pub fn read<T>(&self, act: impl FnOnce(&RoTxn<'_, WithoutTls>, &Tables) -> heed::Result<T>) -> Result<T> {
        let guard = self.guard();
        let open = self.expect_open(&guard)?;
        let result = open
            .environment
            .read_txn()
            .and_then(|transaction| act(&transaction, &open.tables));
        result.map_err(|error| self.translate(error, Kind::Failed))
    }

    /// Write in one transaction, durable on return. `act` is called again after the map has grown.
    ///
    /// After an error of kind `failed` every write is refused until the store is opened again.
    pub fn write(&self, mut act: impl FnMut(&mut RwTxn<'_>, &Tables) -> heed::Result<()>) -> Result<()> {
        if self.has_failed.load(Ordering::Acquire) {
            return Err(Error::new(
                Kind::Failed,
                "an earlier write failed; check the disk and open the store again",
            ));
        }
        loop {
            let guard = self.guard();
            let open = self.expect_open(&guard)?;
            let result = open.environment.write_txn().and_then(|mut transaction| {
                act(&mut transaction, &open.tables)?;
                transaction.commit()
            });
            drop(guard);
            match result {
                Ok(()) => return Ok(()),
                Err(heed::Error::Mdb(MdbError::MapFull)) => self.grow_map()?,
                Err(error) => {
                    let error = self.translate(error, Kind::Failed);
                    self.has_failed.fetch_or(error.kind == Kind::Failed, Ordering::AcqRel);
                    return Err(error);
                }
            }
        }
    }

    fn grow_map(&self) -> Result<()> {
        let guard = self.open.write().unwrap_or_else(PoisonError::into_inner);
        let Some(open) = &*guard else {
            return Err(closed());
        };
        let map_bytes = 2 * open.environment.info().map_size;
        if map_bytes > self.map_bytes_max {
            return Err(Error::new(Kind::Full, "the map has its greatest size"));
        }
        resize(&open.environment, map_bytes).map_err(|error| self.translate(error, Kind::Failed))
    }

    fn guard(&self) -> RwLockReadGuard<'_, Option<Open>> {
        self.open.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn expect_open<'a>(&self, guard: &'a RwLockReadGuard<'_, Option<Open>>) -> Result<&'a Open> {
        guard.as_ref().ok_or_else(closed)
    }

    fn translate(&self, error: heed::Error, otherwise: Kind) -> Error {
        translate(&self.path, error, otherwise)
    }
}

#[expect(
    unsafe_code,
    reason = "the library maps files, which others must leave alone: the lock sees to that"
)]
fn open_files(path: &Path, options: &mut EnvOpenOptions<WithoutTls>) -> heed::Result<Env<WithoutTls>> {
    // Safety: the lock is held, and nothing of this process writes to the files but LMDB.
    unsafe { options.flags(EnvFlags::NO_READ_AHEAD).open(path) }
}

/// No transaction may be open.
#[expect(
    unsafe_code,
    reason = "the library does not check that no transaction is open: the caller's lock does"
)]
fn resize(environment: &Env<WithoutTls>, map_bytes: usize) -> heed::Result<()> {
    // Safety: the caller holds the lock for writing, so there is no transaction.
    unsafe { environment.resize(map_bytes) }
}

/// What an error of LMDB means for whoever opened the store.
fn translate(path: &Path, error: heed::Error, otherwise: Kind) -> Error {
    use MdbError::{Corrupted, Invalid, MapFull, PageNotFound, Panic, VersionMismatch};
    let kind = match &error {
        heed::Error::Mdb(MapFull) => Kind::Full,
        heed::Error::Mdb(Corrupted | Invalid | PageNotFound | VersionMismatch) => Kind::Unreadable,
        heed::Error::Decoding(_) => Kind::Unreadable,
        heed::Error::EnvAlreadyOpened => Kind::Locked,
        heed::Error::Io(error) if is_disk_full(path, error) => Kind::Full,
        heed::Error::Mdb(Panic) => Kind::Failed,
        _ => otherwise,
    };
    Error::new(kind, error.to_string())
}

fn opening(path: &Path, error: heed::Error) -> Error {
    translate(path, error, Kind::Unreadable)
}

/// LMDB reports a write that was cut short by a full disk as an input/output error.
fn is_disk_full(path: &Path, error: &io::Error) -> bool {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    if matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge) {
        return true;
    }
    super::system::free_bytes(path).is_some_and(|bytes| bytes < DISK_FULL_BYTES)
}

fn closed() -> Error {
    Error::new(Kind::Failed, "the store is closed")
}

fn lock(path: &Path) -> Result<File> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path.join("LOCK"));
    let file = file.map_err(|error| opening(path, error.into()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::new(Kind::Locked, "in use by another process")),
        Err(TryLockError::Error(error)) => Err(opening(path, error.into())),
    }
}

/// A file shorter than what LMDB counts in it would end the process on the first read beyond its end.
fn check_length(path: &Path, environment: &Env<WithoutTls>) -> Result<()> {
    let pages = environment.info().last_page_number as u64 + 1;
    let expected = pages * u64::from(environment.stat().page_size);
    let got = environment.real_disk_size().map_err(|error| opening(path, error))?;
    if got < expected && pages > 2 {
        let message = format!("the file has {got} bytes, expected {expected}");
        return Err(Error::new(Kind::Unreadable, message));
    }
    Ok(())
}
