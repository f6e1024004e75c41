import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from fraudline.domain.card_number import mask_card_numbers
from fraudline.web import problems, strict_json
from fraudline.web.problems import MAX_FAULTS
from fraudline.web.strict_json import Ambiguous, NotJson

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(alphabet=st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(st.text(alphabet=st.characters(exclude_categories=["Cs"])), inner, max_size=5)
    ),
    max_leaves=20,
)
SIGNS = st.text(alphabet='[]{}",:\\ 1aNu\ud800\n', max_size=3)
"""A few of JSON's own signs, and half a character."""


@st.composite
def nearly_json(draw: DrawFn) -> bytes:
    """JSON with signs put in somewhere: about every other text is JSON still."""
    text = json.dumps(draw(st.lists(JSON, max_size=4) | JSON), ensure_ascii=False)
    place = draw(st.integers(0, len(text)))
    return (text[:place] + draw(SIGNS) + text[place:]).encode("utf-8", "surrogatepass")


DOCUMENTS = st.binary(max_size=200) | nearly_json()


def faults_in(document: bytes) -> dict[str, str]:
    with pytest.raises(Ambiguous) as raised:
        strict_json.read(document)
    return dict(raised.value.faults)


@given(JSON, st.booleans(), st.sampled_from([None, 1, "\t"]))
def test_unambiguous_json_is_read_as_anybody_reads_it(value: Any, ascii_only: bool, indent: int | str | None) -> None:  # noqa: FBT001 - hypothesis passes values so
    document = json.dumps(value, ensure_ascii=ascii_only, indent=indent).encode()

    assert strict_json.read(document) == value


@given(st.lists(JSON, max_size=6), st.sampled_from([None, 2]))
def test_an_array_is_cut_into_what_stands_in_it(values: list[Any], indent: int | None) -> None:
    document = json.dumps(values, indent=indent).encode()

    assert [json.loads(text) for text in strict_json.elements(document, at_most=10)] == values


@given(DOCUMENTS)
def test_any_bytes_are_refused_or_read_as_anybody_reads_them(document: bytes) -> None:
    try:
        value = strict_json.read(document)
    except (NotJson, Ambiguous):
        return
    assert value == json.loads(document)


@given(DOCUMENTS)
def test_any_bytes_are_refused_as_an_array_or_cut_at_its_commas(document: bytes) -> None:
    try:
        cut = list(strict_json.elements(document, at_most=100))
    except NotJson:
        return
    assert json.loads(b"[" + b",".join(cut) + b"]") == json.loads(document)


@pytest.mark.parametrize(
    ("document", "field"),
    [
        (b'{"a":1,"a":1}', "a"),
        (b'{"a":1,"\\u0061":2}', "a"),
        (b'{"m":{"k":"x","k":"y"}}', "m.k"),
        (b'[{"b":1,"b":2}]', "0.b"),
        (b'{"":1,"":2}', ""),
    ],
)
def test_a_key_given_twice_is_named_with_its_path(document: bytes, field: str) -> None:
    assert faults_in(document) == {field: "is given 2 times; give it once"}


def test_quotes_colons_and_brackets_within_strings_are_no_keys() -> None:
    document = rb'{"a":"\"b\": {[:,","c\":d":"\\","e" : ["x:", "\\\":"]}'

    assert strict_json.read(document) == json.loads(document)


@pytest.mark.parametrize("document", [b'{"a":"\\ud800"}', b'{"a":"\\udc00x"}', b'{"a":"\\ud83d\\u0041"}'])
def test_half_a_surrogate_pair_is_a_fault_of_its_field(document: bytes) -> None:
    assert faults_in(document) == {"a": "holds half a surrogate pair, which is no character"}


def test_a_name_with_half_a_surrogate_pair_can_be_told() -> None:
    (name,) = faults_in(b'{"\\ud800":1}')

    assert name.encode()


def test_an_integer_that_nobody_would_read_is_a_fault_of_its_field() -> None:
    assert faults_in(b'{"a":' + b"1" * 5000 + b"}") == {"a": "has more than 4,300 digits"}


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (b"", "is empty"),
        (b"  \n", "is empty"),
        (b"{", "line 1, column 2"),
        (b"{}{}", "line 1, column 3"),
        (b"{'a':1}", "line 1, column 2"),
        (b'{"a":NaN}', "holds NaN"),
        (b'{"a":-Infinity}', "holds -Infinity"),
        (b'\xef\xbb\xbf{"a":1}', "byte order mark"),
        (b'{"a":"\xff"}', "is not UTF-8"),
        ('{"a":"ä"}'.encode("latin-1"), "is not UTF-8"),
        ('{"a":1}'.encode("utf-16"), "is not UTF-8"),
        (b"[" * 1_000 + b"]" * 1_000, "nested too deeply"),
        (b"[" * 100_000, "more than 10,000 values"),
        (b"[" + b"1," * 10_000 + b"1]", "more than 10,000 values"),
        (b"[" * 300 + b"]" * 300, "nested too deeply"),
        (b'{"a":' * 300 + b"1" + b"}" * 300, "nested too deeply"),
        (b'{"a":"\x00"}', "line 1, column 7"),
    ],
)
def test_what_is_no_json_is_told_apart(document: bytes, reason: str) -> None:
    with pytest.raises(NotJson, match=reason):
        strict_json.read(document)


@pytest.mark.parametrize(
    "document",
    [b"", b"{}", b"[1", b"[1,", b"[1,]", b"[1 2]", b"[1]x", b"[,1]", b"[]]", b'["\xff"]', b"[" * 5000],
)
def test_a_broken_array_is_no_json(document: bytes) -> None:
    with pytest.raises(NotJson):
        list(strict_json.elements(document, at_most=10))


def test_an_array_is_not_read_beyond_what_is_asked_for() -> None:
    assert list(strict_json.elements(b"[1, 2 , 3, broken", at_most=2)) == [b"1", b"2"]


@pytest.mark.parametrize(
    ("written", "is_exact"),
    [
        ("12.30", True),
        ("1e2", True),
        ("5.0", True),
        ("999999999999.99", True),
        ("0.1000000000000000055511151231257827", False),
        ("123456789012345.678", False),
        ("1e-999", False),
        ("1e999", False),
        ("1e99999999999999999999", False),
    ],
)
def test_a_number_is_exact_when_its_text_says_just_what_was_read(written: str, is_exact: bool) -> None:  # noqa: FBT001 - pytest passes parameters so
    document = b'{"x":"\\"amount\\":7", "amount" : %b}' % written.encode()
    value = strict_json.read(document)["amount"]

    assert strict_json.number_is_exact(document, "amount", value) is is_exact


def test_a_fraction_that_nobody_would_read_is_a_fault_of_its_field() -> None:
    assert faults_in(b'{"a":' + b"1" * 5000 + b".5}") == {"a": "has more than 4,300 digits"}


def test_signs_within_strings_are_no_values() -> None:
    document = json.dumps({"a": ",[{" * 10_000}).encode()

    assert strict_json.read(document) == {"a": ",[{" * 10_000}


@pytest.mark.parametrize(
    "document",
    [
        b'{"a":' * 15 + b"[" + b",".join([b'"\\ud800"'] * 9_000) + b"]" + b"}" * 15,
        b'{"a":' * 15 + b"{" + b",".join(b'"%d":1,"%d":2' % (n, n) for n in range(4_500)) + b"}" + b"}" * 15,
        b"{" + b",".join([b'"\\ud800%d":{"\\udc00":"\\ud800"}' % n for n in range(3_000)]) + b"}",
        b'{"a":[' + b",".join([b'{"4111111111111111":1,"4111111111111111":2}'] * 3_000) + b"]}",
    ],
    ids=lambda document: repr(document[-30:]),
)
def test_of_thousands_of_faults_no_more_are_put_into_words_than_are_shown(
    document: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    masked: list[str] = []

    def counting(text: str) -> str:
        masked.append(text)
        return mask_card_numbers(text)

    monkeypatch.setattr(problems, "mask_card_numbers", counting)

    with pytest.raises(Ambiguous) as raised:
        strict_json.read(document)

    assert len(raised.value.faults) == MAX_FAULTS + 1
    assert len(masked) <= (MAX_FAULTS + 1) * strict_json.MAX_DEPTH


def test_a_number_whose_name_is_written_with_escapes_is_never_exact() -> None:
    assert not strict_json.number_is_exact(b'{"\\u0061mount":1e-999}', "amount", 0.0)


@pytest.mark.parametrize(
    "piece",
    [b'"', b'\\"', b'"\\', b"[", b'{"a":', b'"a":', b"\\", b' "', b'":', b"[[]],", b'"\\u'],
)
@pytest.mark.parametrize("lead", [b"", b'"', b'{"a":"', b"["])
# Quadratic time would be an hour for a megabyte; how fast linear time is, is no promise of this test.
@pytest.mark.timeout(60)
def test_a_megabyte_of_anything_is_judged_in_linear_time(lead: bytes, piece: bytes) -> None:
    document = (lead + piece * (1 << 20))[: 1 << 20]

    with pytest.raises((NotJson, Ambiguous)):
        strict_json.read(document)
    with contextlib.suppress(NotJson):
        assert len(list(strict_json.elements(document, at_most=1001))) == 1001
