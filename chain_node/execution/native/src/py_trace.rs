//! Traces as plain tuples, in the order of the fields of `execution/trace.py`.

use crate::entry::Word;
use crate::execute::trace::{CallFrame, Step, Trace};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTuple};

/// (gas used, whether it failed, return data, steps, whether steps are missing, call).
pub type PyTrace<'py> = (
    u64,
    bool,
    Bound<'py, PyBytes>,
    Vec<Bound<'py, PyTuple>>,
    bool,
    Bound<'py, PyTuple>,
);

/// The tuple of a trace.
pub fn to_trace(py: Python<'_>, trace: Trace) -> PyResult<PyTrace<'_>> {
    let Trace {
        summary,
        steps,
        is_truncated,
        call,
    } = trace;
    let steps = steps
        .into_iter()
        .map(|step| to_step(py, step))
        .collect::<PyResult<_>>()?;
    let return_data = PyBytes::new(py, &summary.return_data);
    Ok((
        summary.gas_used,
        !summary.is_success,
        return_data,
        steps,
        is_truncated,
        to_frame(py, call)?,
    ))
}

fn to_step(py: Python<'_>, step: Step) -> PyResult<Bound<'_, PyTuple>> {
    let stack = step
        .stack
        .map(|stack| PyTuple::new(py, stack.into_iter().map(Word)))
        .transpose()?;
    let storage = step.storage.map(|slots| {
        let pairs = slots.into_iter().map(|(slot, value)| (Word(slot), Word(value)));
        PyTuple::new(py, pairs.collect::<Vec<_>>())
    });
    (
        step.program_counter,
        step.operation,
        step.gas,
        step.gas_cost,
        step.depth,
        stack,
        step.memory.map(|memory| PyBytes::new(py, &memory)),
        storage.transpose()?,
        step.error,
    )
        .into_pyobject(py)
}

fn to_frame(py: Python<'_>, frame: CallFrame) -> PyResult<Bound<'_, PyTuple>> {
    let calls = frame
        .calls
        .into_iter()
        .map(|call| to_frame(py, call))
        .collect::<PyResult<Vec<_>>>()?;
    (
        frame.kind,
        PyBytes::new(py, frame.sender.as_slice()),
        PyBytes::new(py, frame.to.as_slice()),
        Word(frame.value),
        frame.gas,
        frame.gas_used,
        PyBytes::new(py, &frame.call_data),
        PyBytes::new(py, &frame.return_data),
        frame.error,
        PyTuple::new(py, calls)?,
    )
        .into_pyobject(py)
}
