from tastemap.web.recent import Recent


def test_what_was_not_asked_for_longest_is_forgotten() -> None:
    held: Recent[str, int] = Recent(2)
    held.put("a", 1)
    held.put("b", 2)
    assert held.get("a") == 1
    held.put("c", 3)
    assert [held.get(one) for one in "abc"] == [1, None, 3]
    held.put("a", 4)
    assert held.get("a") == 4
    assert len(held) == 2


def test_what_is_held_weighs_no_more_than_it_may() -> None:
    held: Recent[str, bytes] = Recent(10, len)
    held.put("a", b"1234")
    held.put("b", b"12345")
    held.put("a", b"12345")
    assert (held.get("a"), held.get("b")) == (b"12345", b"12345")
    held.put("c", b"1")
    assert held.get("a") is None
    held.put("d", b"12345678901")
    assert len(held) == 0
    held.put("e", b"1234567890")
    assert held.get("e") == b"1234567890"
