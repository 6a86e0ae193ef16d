"""Imports that are put off until somebody needs them: pairings of the consensus layer's keys, which no command uses.

eth_account brings eth_keyfile, and that brings the pairing arithmetic of py_ecc for one kind of keystore that this
project has not. Its tables take longer to compute than most commands run. Here stand-ins take the place of those two
modules; the first use of anything else than what eth_keyfile names at its import loads the real ones.
"""

import importlib
import importlib.util
import sys
from types import ModuleType

_CURVE_ORDER = 52435875175126190479447740508185965837690552500527637822603658699938581184513
"""Order of the group of BLS12-381. Source: draft-irtf-cfrg-pairing-friendly-curves-11, 4.2.1."""
_NAMES = ("py_ecc.bls", "py_ecc.bls12_381")


class _Deferred(ModuleType):
    """A module that is loaded by the first access to something of it that is not known beforehand."""

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(_load(self.__name__), name)


class _Proofs:
    """Stands in for `py_ecc.bls.G2ProofOfPossession`."""

    def __getattr__(self, name: str) -> object:
        return getattr(_load("py_ecc.bls").G2ProofOfPossession, name)


def defer_pairings() -> None:
    """Put stand-ins where the two modules would be, unless they are loaded."""
    spec = importlib.util.find_spec("py_ecc")
    if spec is None or any(name in sys.modules for name in _NAMES):
        return
    known: tuple[dict[str, object], ...] = ({"G2ProofOfPossession": _Proofs()}, {"curve_order": _CURVE_ORDER})
    for name, attributes in zip(_NAMES, known, strict=True):
        module = _Deferred(name)
        # so that modules inside can be imported all the same, as an EVM in this process does
        module.__path__ = [f"{each}/{name.rpartition('.')[2]}" for each in spec.submodule_search_locations or ()]
        vars(module).update(attributes)
        sys.modules[name] = module


def _load(name: str) -> ModuleType:
    """Return the real module; both stand-ins give way at once, since one of them imports the other."""
    for each in _NAMES:
        if isinstance(sys.modules.get(each), _Deferred):
            del sys.modules[each]
    return importlib.import_module(name)
