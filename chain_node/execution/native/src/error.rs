//! The one error type of the crate, and how it reaches Python.

use alloy_primitives::B256;
use pyo3::PyErr;
use pyo3::create_exception;
use pyo3::exceptions::PyException;
use std::fmt;

create_exception!(
    _native,
    NativeError,
    PyException,
    "Raised by every entry point; `args` is (kind, message)."
);

/// What went wrong, as far as the caller has to tell cases apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The root asked for is not in the store; the message is its hash in hex.
    MissingState,
    /// A transaction or call cannot be executed on this state and never will be.
    RefusedFinal,
    /// A transaction or call cannot be executed on this state; a later one may take it.
    Refused,
    /// Another process has the store open.
    Locked,
    /// The store belongs to another chain, engine or format.
    Identity,
    /// The store's bytes contradict themselves.
    Unreadable,
    /// No room is left on the disk, or in the map of the store.
    Full,
    /// The operation is not possible, or the operating system refused it.
    Failed,
    /// Code of this crate is wrong.
    Panic,
}

impl Kind {
    /// The word Python sees.
    pub fn word(self) -> &'static str {
        match self {
            Kind::MissingState => "missing_state",
            Kind::RefusedFinal => "refused_final",
            Kind::Refused => "refused",
            Kind::Locked => "locked",
            Kind::Identity => "identity",
            Kind::Unreadable => "unreadable",
            Kind::Full => "full",
            Kind::Failed => "failed",
            Kind::Panic => "panic",
        }
    }
}

/// An error of the engine or the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// What the caller may have to do.
    pub kind: Kind,
    /// For people.
    pub message: String,
}

/// Result of nearly every function of the crate.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An error of a kind with its message.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
        }
    }

    /// The state with this root is not in the store.
    pub fn missing_state(root: B256) -> Self {
        Self::new(Kind::MissingState, format!("{root:x}"))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.kind.word(), self.message)
    }
}

impl std::error::Error for Error {}

impl From<Error> for PyErr {
    fn from(error: Error) -> Self {
        NativeError::new_err((error.kind.word(), error.message))
    }
}
