"""The memory of what was used last."""

from chain_node.node.recent import Recent


def test_value_unused_for_longest_goes_first() -> None:
    loads: list[int] = []

    def load(key: int) -> str:
        loads.append(key)
        return str(key)

    recent: Recent[int, str] = Recent(2)
    for key in (1, 2, 1, 3, 1, 2):
        assert recent.get(key, load) == str(key)
    assert loads == [1, 2, 3, 2]


def test_value_put_in_is_not_loaded() -> None:
    recent: Recent[int, str] = Recent(2)
    recent.put(1, "given")
    assert recent.get(1, lambda _: "loaded") == "given"
