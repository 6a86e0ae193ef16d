import importlib
import pkgutil

import chain_node
from chain_node.core import errors as core_errors
from chain_node.core.errors import InvalidInputError, RemoteProtocolError
from chain_node.network.misdeeds import (
    MISDEED_POINTS_MAX,
    PENALTY_BY_ERROR,
    FloodError,
    OversizeFrameError,
    SlowFrameError,
    UnexpectedFrameError,
    UnknownFrameError,
    penalty_of,
)


def every_class(root: type) -> set[type]:
    return {root}.union(*(every_class(child) for child in root.__subclasses__()))


def import_everything() -> None:
    for module in pkgutil.walk_packages(chain_node.__path__, "chain_node."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)


def test_penalties_cover_every_error_of_bad_input() -> None:
    import_everything()
    for kind in every_class(InvalidInputError) - every_class(RemoteProtocolError):
        penalty = penalty_of(kind.__new__(kind))
        assert 0 < penalty <= MISDEED_POINTS_MAX, kind


def test_penalties_every_family_of_the_tree_has_its_own_row() -> None:
    families = {kind for kind in InvalidInputError.__subclasses__() if kind.__module__ == core_errors.__name__}
    assert families - {RemoteProtocolError} == set(PENALTY_BY_ERROR) - {InvalidInputError}


def test_penalties_protocol_errors_carry_their_own() -> None:
    cheap_to_dear = [
        FloodError("CONTROL"),
        SlowFrameError(10),
        OversizeFrameError(code=1, got=9, expected_max=8),
        UnknownFrameError(0x99),
        UnexpectedFrameError(1, "Hello first"),
    ]
    assert [penalty_of(error) for error in cheap_to_dear] == [5, 25, 100, 100, 100]
    assert penalty_of(RemoteProtocolError("unasked", penalty=7)) == 7


def test_penalties_nearest_ancestor_counts() -> None:
    assert penalty_of(core_errors.HeaderMismatchError("gas", 1, 2)) == PENALTY_BY_ERROR[core_errors.InvalidBlockError]
