"""MIME: ranges are cut and never rewritten; what two readers could take differently is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import mime
from gateway.mime import Limits, MimeError

TEXT = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=60).map(str.strip)
NAMES = st.from_regex(r"X-[A-Za-z0-9-]{1,20}", fullmatch=True)
HEADERS = st.lists(st.tuples(NAMES, TEXT), max_size=5)
OCTETS = st.one_of(
    st.binary(max_size=200),
    st.lists(st.sampled_from([b"\r\n", b"\n", b"\r", b"--", b"=_", b"a", b"\0", b" "]), max_size=30).map(b"".join),
)


def code(error: pytest.ExceptionInfo[MimeError]) -> str:
    return error.value.code


@given(HEADERS, OCTETS)
def test_what_is_built_is_parsed_and_keeps_its_bytes(headers: list[tuple[str, str]], body: bytes) -> None:
    raw = mime.build(headers, body)
    entity = mime.parse(raw)
    assert (entity.raw, entity.body, list(entity.headers)) == (raw, body, headers)


@given(st.lists(st.tuples(HEADERS, OCTETS), min_size=1, max_size=5))
def test_parts_are_the_exact_ranges(contents: list[tuple[list[tuple[str, str]], bytes]]) -> None:
    parts = [mime.build(headers, body) for headers, body in contents]
    entity = mime.parse(mime.multipart("mixed", parts))
    assert [part.raw for part in mime.parts(entity)] == parts


@given(OCTETS, st.lists(OCTETS.map(lambda o: b"\r\n" + o), min_size=1, max_size=4), OCTETS)
def test_ranges_partition_the_body(preamble: bytes, parts: list[bytes], epilogue: bytes) -> None:
    """Preamble, delimiter lines, parts and epilogue, one after the other, are the body."""
    pieces = [preamble, b"\r\n--=_q", b"\r\n", parts[0]]
    for part in parts[1:]:
        pieces += [b"\r\n--=_q", b" \r\n", part]
    body = b"".join([*pieces, b"\r\n--=_q--", b"\r\n", epilogue])
    entity = mime.parse(mime.build([("Content-Type", "multipart/mixed; boundary==_q")], body))
    cut = mime.split(entity)
    edges = [len(cut.preamble), *[edge for span in cut.spans for edge in span], len(body) - len(cut.epilogue)]
    assert edges == sorted(edges)
    between = [body[a:b] for a, b in zip(edges[::2], edges[1::2], strict=True)]
    assert all(piece.strip() in (b"--=_q", b"--=_q--") for piece in between)
    assert [body[a:b] for a, b in cut.spans] == [part.raw for part in cut.parts] == parts


@given(st.binary(max_size=400))
def test_any_bytes_give_an_entity_or_a_mime_error(raw: bytes) -> None:
    try:
        entity = mime.parse(raw)
        found = mime.split(entity).parts if entity.media_type.startswith("multipart/") else (entity,)
    except MimeError:
        return
    assert all(part.raw in raw for part in found)


@given(
    st.lists(st.sampled_from([b"Content-Type: multipart/mixed; boundary=b", b"\r\n", b"--b", b"--", b"\n", b"x: y"]))
)
def test_any_arrangement_of_multipart_pieces_gives_parts_or_a_mime_error(pieces: list[bytes]) -> None:
    raw = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"".join(pieces)
    try:
        found = mime.parts(mime.parse(raw))
    except MimeError:
        return
    assert all(b"--b" not in part.raw.splitlines() for part in found)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"A: b\n\nbody", "bare_lf"),
        (b"A: b\r\nC: d\n\r\nbody", "bare_lf"),
        (b"A: b\rC: d\r\n\r\n", "bare_cr"),
        (b"A: b\0\r\n\r\n", "nul"),
        (b"A: \x01\r\n\r\n", "header_control"),
        (b"A: b\r\n \x01\r\n\r\n", "header_control"),
        (b"A b\r\n\r\n", "header_malformed"),
        (b" A: b\r\n\r\n", "header_malformed"),
        (b"A : b\r\n\r\n", "header_malformed"),
        (b"A: b", "header_unterminated"),
        (b"Content-Type: a/b\r\ncontent-type: c/d\r\n\r\n", "duplicate_header"),
        (b"MIME-Version: 1.0\r\nMIME-Version: 1.0\r\n\r\n", "duplicate_header"),
        (b"Content-Transfer-Encoding: 7bit\r\nContent-transfer-encoding: base64\r\n\r\n", "duplicate_header"),
        (b"A: " + b"x" * 70_000 + b"\r\n\r\n", "header_too_long"),
        (b"A: b\r\n" * 301 + b"\r\n", "header_fields"),
    ],
)
def test_a_header_that_readers_take_differently_is_refused(raw: bytes, expected: str) -> None:
    with pytest.raises(MimeError) as error:
        mime.parse(raw)
    assert code(error) == expected


def multipart(body: bytes, **options: bool) -> mime.Multipart:
    raw = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + body
    return mime.split(mime.parse(raw, **options))


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", "multipart_unterminated"),
        (b"--b\r\n\r\nx", "multipart_unterminated"),
        (b"--b\r\n\r\nx\r\n--b", "multipart_unterminated"),
        (b"--b--\r\n", "multipart_empty"),
        (b"--b\r\n--b--\r\n", "part_malformed"),
        (b"--b\r\n\r\nx\n--b--\r\n", "bare_lf"),
        (b"--b\r\n\r\nx\r--b--\r\n", "bare_cr"),
        (b"--b\n\r\nx\r\n--b--\r\n", "bare_lf"),
        (b"--b\r\n\r\nx\r\n--bc\r\n\r\n--b--\r\n", "delimiter_ambiguous"),
        (b"--b\r\n\r\nx\r\n--b-- y\r\n", "delimiter_ambiguous"),
        (b"--b\r\nno header\r\n\r\nx\r\n--b--\r\n", "header_malformed"),
        (b"--b\r\n\r\n\r\n" * 1_100 + b"--b--\r\n", "parts"),
    ],
)
def test_a_multipart_that_readers_take_differently_is_refused(body: bytes, expected: str) -> None:
    with pytest.raises(MimeError) as error:
        multipart(body)
    assert code(error) == expected


def test_the_line_end_before_a_delimiter_belongs_to_it() -> None:
    """RFC 2046 section 5.1.1."""
    cut = multipart(b"before\r\n--b\r\n\r\none\r\n\r\n--b \t\r\nA: b\r\n\r\ntwo\r\n--b--\r\nafter")
    assert [part.body for part in cut.parts] == [b"one\r\n", b"two"]
    assert (cut.preamble, cut.epilogue) == (b"before", b"after")


def test_a_boundary_inside_a_line_is_no_delimiter() -> None:
    assert multipart(b"--b\r\n\r\nx--b\r\n--b--").parts[0].body == b"x--b"


def test_bare_lf_is_read_only_by_agreement() -> None:
    raw = b"Content-Type: multipart/mixed; boundary=b\n\n--b\n\none\n--b\nA: b\n\ntwo\r\n--b--\n"
    cut = mime.split(mime.parse(raw, allow_bare_lf=True))
    assert [part.raw for part in cut.parts] == [b"\none", b"A: b\n\ntwo"]


def test_binary_bodies_may_hold_anything() -> None:
    content = bytes(range(256)) + b"\r\r\n\n\0"
    part = mime.build([("Content-Transfer-Encoding", "binary")], content)
    assert mime.parts(mime.parse(mime.multipart("related", [part])))[0].decoded() == content


def test_nesting_is_bounded() -> None:
    raw = mime.build([], b"innermost")
    for _ in range(4):
        raw = mime.multipart("mixed", [raw])
    entity = mime.parse(raw, limits=Limits(depth=3))
    for _ in range(3):
        entity = mime.parts(entity)[0]
    with pytest.raises(MimeError) as error:
        mime.parts(entity)
    assert code(error) == "depth"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("text/xml", {}),
        ("text/xml; charset=utf-8;", {"charset": "utf-8"}),
        ('a/b ;x="a;b\\"c" ; y=foo/bar', {"x": 'a;b"c', "y": "foo/bar"}),
        ("a/b; name*=UTF-8''Stra%C3%9Fe.pdf", {"name": "Straße.pdf"}),
        ("a/b; name*=iso-8859-1'de'Stra%DFe.pdf; name=plain", {"name": "Straße.pdf"}),
        ("a/b; name*0*=utf-8''Stra%C3; name*1*=%9Fe; name*2=\".pdf\"", {"name": "Straße.pdf"}),
        ('a/b; micalg="SHA-256"; Protocol = x', {"micalg": "SHA-256", "protocol": "x"}),
    ],
)
def test_parameters_are_read_tolerantly(value: str, expected: dict[str, str]) -> None:
    assert mime.parse_parameters(value)[1] == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("a/b; boundary=x; boundary=y", "duplicate_parameter"),
        ("a/b; name*0=a; name*00=b", "duplicate_parameter"),
        ('a/b; x="open', "parameter"),
        ("a/b; name*1=b", "parameter"),
        ("a/b; name*=utf-8'%C3", "parameter"),
        ("a/b; name*=utf-8''%C3", "parameter"),
        ("a/b; name*=utf-7''x", "parameter"),
        ("a/b" + "".join(f"; p{n}=x" for n in range(60)), "parameters"),
    ],
)
def test_parameters_that_are_ambiguous_or_broken_are_refused(value: str, expected: str) -> None:
    with pytest.raises(MimeError) as error:
        mime.parse_parameters(value)
    assert code(error) == expected


@given(st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1, max_size=60))
def test_file_names_come_back(name: str) -> None:
    value = mime.with_parameters("attachment", {"filename": name})
    assert value.isascii()
    entity = mime.parse(mime.build([("Content-Disposition", value)], b""))
    assert "=?" in name or entity.filename == name


def test_a_file_name_that_a_mail_program_wrote_is_read() -> None:
    entity = mime.parse(b'Content-Type: a/b; name="=?utf-8?Q?Stra=C3=9Fe=2Epdf?="\r\n\r\n')
    assert entity.filename == "Straße.pdf"


@pytest.mark.parametrize("value", ["a\r\nBcc: x", "a\nb", "a\rb", "a\0b", "ü", "x" * 1000])
def test_a_written_header_never_carries_a_line_end(value: str) -> None:
    with pytest.raises(MimeError) as error:
        mime.build([("Subject", value)], b"")
    assert code(error) == "header_value"


@pytest.mark.parametrize("name", ["", "A b", "A:b", "A\r\nB", "Ü"])
def test_a_written_header_name_is_a_name(name: str) -> None:
    with pytest.raises(MimeError) as error:
        mime.build([(name, "x")], b"")
    assert code(error) == "header_name"


@pytest.mark.parametrize("name", ["a\r\nb", "\ud800"])
def test_a_written_file_name_never_carries_a_line_end(name: str) -> None:
    with pytest.raises(MimeError) as error:
        mime.with_parameters("attachment", {"filename": name})
    assert code(error) == "header_value"


@given(st.binary(max_size=500))
def test_base64_is_written_in_short_lines_and_read_back(content: bytes) -> None:
    lines = mime.base64_lines(content)
    assert all(len(line) <= 76 for line in lines.split(b"\r\n"))
    assert mime.parse(mime.build([("Content-Transfer-Encoding", "base64")], lines)).decoded() == content


@pytest.mark.parametrize(
    ("encoding", "body", "expected"),
    [
        ("7bit", b"a\xff", b"a\xff"),
        ("BINARY", b"\0", b"\0"),
        ("base64", b"Y\nQ=\r\n=\n", b"a"),
        ("quoted-printable", b"Stra=C3=9Fe =\r\nhier\r\n", "Straße hier\r\n".encode()),
    ],
)
def test_transfer_encodings_are_undone(encoding: str, body: bytes, expected: bytes) -> None:
    assert mime.parse(mime.build([("Content-Transfer-Encoding", encoding)], body)).decoded() == expected


@pytest.mark.parametrize(
    ("encoding", "body", "expected"),
    [
        ("base64", b"YQ=", "base64"),
        ("base64", b"YQ==!", "base64"),
        ("base64", b"YQ==YQ==", "base64"),
        ("base64", b"Y\rQ==", "bare_cr"),
        ("quoted-printable", b"=ZZ", "quoted_printable"),
        ("quoted-printable", b"a\nb", "bare_lf"),
        ("quoted-printable", b"a\rb", "bare_cr"),
        ("x-uuencode", b"", "transfer_encoding"),
    ],
)
def test_broken_transfer_encodings_are_refused(encoding: str, body: bytes, expected: str) -> None:
    entity = mime.parse(mime.build([("Content-Transfer-Encoding", encoding)], body))
    with pytest.raises(MimeError) as error:
        entity.decoded()
    assert code(error) == expected


def test_an_encoded_multipart_is_refused() -> None:
    """RFC 2045 section 6.4."""
    raw = b"Content-Type: multipart/mixed; boundary=b\r\nContent-Transfer-Encoding: base64\r\n\r\n--b\r\n\r\n--b--"
    with pytest.raises(MimeError) as error:
        mime.parts(mime.parse(raw))
    assert code(error) == "transfer_encoding"


def test_folded_fields_are_unfolded_and_found_in_any_case() -> None:
    entity = mime.parse(b"Content-Type: multipart/signed;\r\n\tmicalg=sha-256\r\nX: 1\r\nx: 2\r\n\r\n")
    assert (entity.media_type, entity.params) == ("multipart/signed", {"micalg": "sha-256"})
    with pytest.raises(MimeError) as error:
        entity.header("X")
    assert code(error) == "duplicate_header"


def test_without_content_type_it_is_plain_text() -> None:
    """RFC 2045 section 5.2."""
    assert mime.parse(b"\r\nx").media_type == "text/plain"


def test_the_boundary_occurs_in_no_part_and_is_the_same_for_the_same_parts() -> None:
    parts = [mime.build([], b"one"), mime.build([], b"two")]
    assert mime.multipart("mixed", parts) == mime.multipart("mixed", parts)
    first = mime.parse(mime.multipart("mixed", parts)).params["boundary"]
    assert all(first.encode() not in part for part in parts)
