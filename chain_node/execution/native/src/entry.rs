//! The border to Python: releasing the interpreter's lock, catching panics, integers of 256 bits.

use crate::error::{Error, Kind, Result};
use alloy_primitives::{Address, B256, U256};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Run work without the interpreter's lock; a panic becomes an error of kind `panic`.
///
/// The state a panicking call was changing must not be used afterwards: the node stops on this error.
pub fn run<T: Send>(py: Python<'_>, work: impl FnOnce() -> Result<T> + Send) -> PyResult<T> {
    py.detach(|| guard(work)).map_err(PyErr::from)
}

/// Run short work; a panic becomes an error of kind `panic`.
pub fn guard<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|cause| Err(Error::new(Kind::Panic, describe(&*cause))))
}

fn describe(cause: &(dyn Any + Send)) -> String {
    let text = cause
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| cause.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("no message").to_owned()
}

/// A Python int between 0 and 2^256 - 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Word(pub U256);

impl<'a, 'py> FromPyObject<'a, 'py> for Word {
    type Error = PyErr;

    fn extract(value: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        if let Ok(small) = value.extract::<u64>() {
            return Ok(Word(U256::from(small)));
        }
        let encoded = value.call_method1("to_bytes", (32, "big"))?;
        Ok(Word(U256::from_be_slice(encoded.cast::<PyBytes>()?.as_bytes())))
    }
}

impl<'py> IntoPyObject<'py> for Word {
    type Target = PyAny;
    type Output = Bound<'py, PyAny>;
    type Error = PyErr;

    fn into_pyobject(self, py: Python<'py>) -> PyResult<Self::Output> {
        if let Ok(small) = u64::try_from(self.0) {
            return Ok(small.into_pyobject(py)?.into_any());
        }
        let encoded = PyBytes::new(py, &self.0.to_be_bytes::<32>());
        py.get_type::<pyo3::types::PyInt>()
            .call_method1("from_bytes", (encoded, "big"))
    }
}

/// 20 bytes as an address.
pub fn address_of(bytes: &[u8]) -> PyResult<Address> {
    Address::try_from(bytes).map_err(|_| PyValueError::new_err(format!("got {} bytes, expected 20", bytes.len())))
}

/// 32 bytes as a hash.
pub fn hash_of(bytes: &[u8]) -> PyResult<B256> {
    B256::try_from(bytes).map_err(|_| PyValueError::new_err(format!("got {} bytes, expected 32", bytes.len())))
}

#[cfg(test)]
mod tests {
    use super::guard;
    use crate::error::{Error, Kind};

    #[test]
    fn a_panic_is_an_error_that_says_what_it_said() {
        let words: Vec<u8> = Vec::new();
        let stopped: Error = guard(|| Ok(words[7])).expect_err("it must panic");
        assert_eq!(stopped.kind, Kind::Panic);
        assert!(stopped.message.contains("index out of bounds"), "{}", stopped.message);
        let formatted: Error = guard::<()>(|| panic!("block {} is wrong", 7)).expect_err("it must panic");
        assert_eq!(formatted.message, "block 7 is wrong");
    }

    #[test]
    fn an_error_and_a_value_come_through_unchanged() {
        assert_eq!(guard(|| Ok(7)).expect("no error"), 7);
        let refused = guard::<()>(|| Err(Error::new(Kind::Refused, "no".to_owned()))).expect_err("an error");
        assert_eq!((refused.kind, refused.message.as_str()), (Kind::Refused, "no"));
    }
}
