"""Values that cross between processes: exact, plain, bounded; nothing hostile that is sent breaks the other side."""

from __future__ import annotations

import builtins
import collections
import contextlib
import datetime
import decimal
import enum
import fractions
import json
import math
import statistics
from typing import Any, NamedTuple

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from selfboot.grading.values import MAX_DEPTH, Codec, Opaque, TooLarge, merge
from selfboot.grading.wire import MAX_FRAME, STEERING, Broken, clean, describe, from_frame, local_error, to_frame

atoms = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-(1 << 200), 1 << 200)
    | st.floats(allow_nan=False)
    | st.text()
    | st.text(alphabet=st.characters(categories=["Cs", "Lu"]))
    | st.binary()
    | st.complex_numbers(allow_nan=False)
    | st.builds(range, st.integers(-9, 9), st.integers(-9, 9), st.integers(1, 3))
)
hashables = st.recursive(atoms, lambda inner: st.tuples(inner, inner) | st.frozensets(inner, max_size=3), max_leaves=5)
values = st.recursive(
    atoms | st.sets(hashables, max_size=4),
    lambda inner: st.lists(inner, max_size=4) | st.tuples(inner, inner) | st.dictionaries(hashables, inner, max_size=3),
    max_leaves=12,
)
trees: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["int", "tuple", "set", "dict", "bytes", "Fraction", "range", "module", "type", "x", "items"]
            ),
            inner,
            max_size=2,
        )
    ),
    max_leaves=10,
)


def cross(value: Any) -> Any:
    return Codec().decode(json.loads(json.dumps(Codec().encode(value))))


def same(left: Any, right: Any) -> bool:
    """Equal, and of equal types all the way down (1 is not True, -0.0 is not 0.0)."""
    return repr(left) == repr(right) or (type(left) is type(right) and left == right and type(left) is not float)


@example("\ud800\udc00")
@example(["a", "\udbff\udfff"])
@given(values)
def test_values_cross_exactly(value: Any) -> None:
    assert same(cross(value), value)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, -0.0, True, 1, ..., slice(1, None, 2)], ids=repr)
def test_corner_values(value: Any) -> None:
    assert repr(cross(value)) == repr(value)


def test_an_integer_of_any_size_crosses() -> None:
    assert cross(1 << 100_000) == 1 << 100_000


def test_types_of_the_standard_library_stay_what_they_are() -> None:
    things = [
        collections.Counter("abca"),
        collections.OrderedDict(b=1, a=2),
        collections.defaultdict(None, {1: 2}),
        collections.deque([1, 2]),
        decimal.Decimal("1.10"),
        fractions.Fraction(1, 3),
        datetime.datetime(2026, 1, 2, 3, 4, 5, 6),
        datetime.date(2026, 1, 2),
        datetime.timedelta(1, 2, 3),
        bytearray(b"\xff"),
    ]
    assert same(cross(things), things)
    assert cross({1: 2}.keys()) == {1: 2}.keys()
    assert list(cross({1: 2}.values())) == [2]
    assert cross({1: 2}.items()) == {1: 2}.items()
    assert cross([int, len, math]) == [int, len, math]


class Everything:
    """Equal to anything, and true."""

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 0


class Three(int):
    __eq__ = Everything.__eq__
    __hash__ = Everything.__hash__


class Point(NamedTuple):
    x: int


def test_subclasses_arrive_as_their_plain_value_and_objects_as_nothing() -> None:
    assert type(cross(Three(3))) is int
    assert cross(Three(3)) == 3
    assert cross(Three(3)) != 4
    assert cross(Point(1)) == (1,)
    assert cross(Point(1)).x == 1
    assert cross(enum.IntEnum("E", "A").A) == 1  # type: ignore[attr-defined]
    assert isinstance(cross(Everything()), Opaque)
    assert cross([Everything()]) != [1]


@pytest.mark.parametrize("fields", [[], ["class", "x"], ["_x", "y"], ["x", "x"], ["x"] * 500, [1, 2], ["x y", "z"]])
def test_a_named_tuple_of_impossible_fields_is_refused(fields: list[Any]) -> None:
    with pytest.raises(ValueError):
        Codec().decode({"namedtuple": ["P", *fields, *[0] * max(len(fields), 1)]})


def test_a_tuple_with_false_fields_is_a_tuple() -> None:
    class False_(tuple):
        _fields = ("a", "b", "c")

    assert type(cross(False_((1, 2)))) is tuple


def test_numbers_of_numpy_are_python_s() -> None:
    numpy = pytest.importorskip("numpy")
    found = cross([numpy.int64(3), numpy.float32(0.5), numpy.bool_(True), numpy.str_("a")])
    assert same(found, [3, 0.5, True, "a"])
    assert isinstance(cross(numpy.array([1])), Opaque)


def test_limits() -> None:
    deep: list[Any] = []
    for _ in range(MAX_DEPTH + 2):
        deep = [deep]
    loop: list[Any] = []
    loop.append(loop)
    for hostile in (deep, loop):
        with pytest.raises(TooLarge):
            Codec().encode(hostile)
    with pytest.raises(TooLarge):
        to_frame(Codec().encode("A" * (MAX_FRAME + 1)))


@given(trees)
@settings(max_examples=500)
def test_decoding_anything_gives_a_plain_value_or_a_value_error(tree: Any) -> None:
    try:
        value = Codec().decode(tree)
    except ValueError:
        return
    assert type(value).__module__ in ("builtins", "collections", "fractions", "decimal", "datetime") or isinstance(
        value, Opaque
    )


@given(st.binary(max_size=200))
def test_any_bytes_are_a_message_or_break_the_channel(body: bytes) -> None:
    with contextlib.suppress(Broken):
        from_frame(body)


@given(st.text())
def test_messages_are_one_printable_line(text: str) -> None:
    line = clean(text)
    assert line.isprintable()
    assert len(line) <= 300


class_names = st.sampled_from(
    [
        f"builtins.{name}"
        for name in ("ValueError", "KeyError", "OSError", "UnicodeDecodeError", "ExceptionGroup", "print")
    ]
    + [f"builtins.{name}" for name in (*STEERING, "BaseException", "Exception", "no_such_class")]
    + ["json.JSONDecodeError", "decimal.InvalidOperation", "re.error", "os.error", "statistics", ""]
)
anything = st.none() | st.text(max_size=5) | st.lists(st.integers() | st.text(max_size=5) | st.none(), max_size=3)


@given(st.text(max_size=30), st.text(max_size=30), st.lists(class_names, max_size=5) | anything, anything)
def test_an_error_from_over_there_is_always_an_ordinary_exception(kind: str, text: str, bases: Any, args: Any) -> None:
    error = local_error(clean(kind), clean(text), bases, args)
    assert isinstance(error, Exception)
    assert not isinstance(error, tuple(getattr(builtins, name) for name in STEERING))


class Own(KeyError, ValueError):
    """A program's exception class: of a name that the other side does not know."""


@pytest.mark.parametrize(
    ("error", "classes"),
    [
        (json.JSONDecodeError("bad", "x", 0), (json.JSONDecodeError, ValueError)),
        (statistics.StatisticsError("none"), (statistics.StatisticsError, ValueError)),
        (Own("key"), (KeyError, LookupError, ValueError)),
        (KeyError("key"), (KeyError,)),
        (FileNotFoundError(2, "gone"), (FileNotFoundError, OSError)),
        (UnicodeDecodeError("utf-8", b"x", 0, 1, "bad"), (UnicodeDecodeError, ValueError)),
        (decimal.InvalidOperation([decimal.InvalidOperation]), (decimal.InvalidOperation, ArithmeticError)),
        (ExceptionGroup("some", [ValueError()]), (Exception,)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_error_keeps_its_name_its_text_and_its_base_classes(error: Exception, classes: tuple[type, ...]) -> None:
    kind, text, _, *rest = json.loads(json.dumps(describe(error)))
    found = local_error(kind, text, *rest)
    assert [type(found).__name__, str(found)] == [type(error).__name__, str(error)]
    assert all(isinstance(found, cls) for cls in classes)


def test_an_error_that_steers_is_itself_only_for_tests_that_name_it() -> None:
    described = describe(StopIteration("x"))
    kind, text, _, *rest = described
    assert not isinstance(local_error(kind, text, *rest), StopIteration)
    assert isinstance(local_error(kind, text, *rest, frozenset(("StopIteration",))), StopIteration)


class Liar(Exception):
    """Lies about everything that can be asked of an exception without its class's own slots."""

    args = property(lambda self: 1 / 0)  # type: ignore[assignment]
    __module__ = 5  # type: ignore[assignment]

    def __str__(self) -> str:
        raise SystemExit


def test_a_hostile_error_is_described_all_the_same() -> None:
    assert describe(Liar())[0] == "Liar"
    assert "builtins.Exception" in describe(Liar())[3]


@pytest.mark.parametrize(
    "kind", ["SystemExit", "KeyboardInterrupt", "GeneratorExit", "StopIteration", "UnicodeDecodeError"]
)
def test_errors_that_steer_the_interpreter_do_not(kind: str) -> None:
    error = local_error(kind, "x")
    assert isinstance(error, Exception)
    assert not isinstance(error, StopIteration)


@given(st.lists(st.integers()), st.lists(st.integers() | st.lists(st.integers())))
def test_merge_repeats_a_change_in_place(old: list[Any], new: list[Any]) -> None:
    kept = old
    merge(old, new)
    assert kept == new


def test_merge_keeps_what_is_inside() -> None:
    row = [1, 2]
    grid = {"row": row, "gone": 1}
    merge(grid, {"row": [1, 2, 3], "new": 2})
    assert grid == {"row": [1, 2, 3], "new": 2}
    assert row == [1, 2, 3]
    holder = ([3, 1, 2],)
    merge(holder, ([1, 2, 3],))
    assert holder == ([1, 2, 3],)
