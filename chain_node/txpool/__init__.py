"""Transactions waiting for a block, and the rule of who may send one.

Pure: state is read through callables, time comes in as an argument, nothing here does I/O. May import `core`,
`execution` (its types) and nothing above. Start reading with `permission.py` (the sender rule, also a rule of block
validity), then `admission.py` (may this transaction wait here?), then `pool.py` (the order it leaves in).
"""

from chain_node.txpool.admission import AdmissionRules, SenderState, compute_intrinsic_gas, validate_admission
from chain_node.txpool.errors import PoolFullError, SenderNotPermittedError, TransactionNotAdmittedError
from chain_node.txpool.permission import CONSORTIUM, PermissionCache, SenderRule
from chain_node.txpool.pool import Pool, PoolLimits, Waiting

__all__ = [
    "CONSORTIUM",
    "AdmissionRules",
    "PermissionCache",
    "Pool",
    "PoolFullError",
    "PoolLimits",
    "SenderNotPermittedError",
    "SenderRule",
    "SenderState",
    "TransactionNotAdmittedError",
    "Waiting",
    "compute_intrinsic_gas",
    "validate_admission",
]
