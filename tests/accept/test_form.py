"""multipart/form-data from anybody: what it means does not depend on how it is cut, and what is hostile is refused."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.accept import form as forms
from gateway.accept.form import (
    FIELD_BYTES,
    FILES,
    FRAMING_BYTES,
    HEADER_BYTES,
    HEADERS,
    MESSAGE_BYTES,
    NAME_CHARS,
    XML_BYTES,
    FileBytes,
    FileEnds,
    FileStarts,
    Form,
    check_file_name,
)
from gateway.errors import Malformed, Refusal, TooLarge

BOUNDARY = "grenze"
Files = list[tuple[str, str, bytes]]


def part(head: str, content: bytes = b"x", *more: str) -> bytes:
    lines = [f"Content-Disposition: {head}", *more]
    return b"--grenze\r\n" + "\r\n".join(lines).encode("utf-8", "surrogatepass") + b"\r\n\r\n" + content + b"\r\n"


XML = part('form-data; name="nachricht"', b"<a/>")
END = b"--grenze--\r\n"


def read(body: bytes, size: int = 1 << 16, cuts: list[int] | None = None) -> tuple[dict[str, bytes], Files]:
    form, files = Form(BOUNDARY), Files()
    points = sorted({min(cut, len(body)) for cut in cuts}) if cuts else list(range(size, len(body), size))
    for start, end in zip([0, *points], [*points, len(body)], strict=True):
        for event in form.feed(body[start:end]):
            match event:
                case FileStarts(name, media_type):
                    files.append((name, media_type, b""))
                case FileBytes(data):
                    name, media_type, before = files[-1]
                    files[-1] = (name, media_type, before + data)
                case FileEnds():
                    assert files
    form.finish()
    return form.fields, files


def outcome(body: bytes, **how: object) -> tuple[object, object]:
    try:
        return read(body, **how)  # type: ignore[arg-type]
    except Refusal as refusal:
        return refusal.status, refusal.code


def refused(body: bytes) -> Refusal:
    with pytest.raises(Refusal) as caught:
        read(body)
    return caught.value


GOOD = (
    XML
    + part('form-data; name="datei"; filename="Brief_1.pdf"', b"%PDF\r\n--grenz", "Content-Type: application/pdf")
    + part("form-data; name=Anlage_2.txt", b"")
    + part('form-data; name="empfaenger"', b"abh:05315000")
    + END
)


def test_fields_and_files_come_out() -> None:
    assert read(GOOD) == (
        {"nachricht": b"<a/>", "empfaenger": b"abh:05315000"},
        [("Brief_1.pdf", "application/pdf", b"%PDF\r\n--grenz"), ("Anlage_2.txt", "application/octet-stream", b"")],
    )


@given(st.lists(st.integers(0, len(GOOD)), max_size=12))
@example(list(range(len(GOOD))))
@example([len(GOOD) - 2])  # the last line end alone, as a network may deliver it
def test_cuts_change_nothing(cuts: list[int]) -> None:
    assert read(GOOD, cuts=cuts) == read(GOOD)


@pytest.mark.parametrize("extra", [b"", b"\r\n", b"epilogue of a mail program\r\n", b"--grenze\r\n"])
def test_what_follows_the_last_delimiter_is_not_looked_at(extra: bytes) -> None:
    assert read(GOOD + extra, size=1) == read(GOOD + extra) == read(GOOD)


FRAGMENTS = [
    b"--grenze\r\n", b"--grenze--", b"\r\n", b"\n", b"\r", b"--", b"grenze", b"\x00", b"\xff", b"<a/>", b"x" * 40,
    b'Content-Disposition: form-data; name="nachricht"\r\n', b'Content-Disposition: form-data; name="a.txt"\r\n',
    b'Content-Disposition: form-data; name="b"; filename="..\\x"\r\n', b"Content-Disposition: form-data\r\n",
    b"Content-Type: a/b\r\n", b"Content-Length: 1\r\n", b"Content-Transfer-Encoding: base64\r\n", b": \r\n", b" x\r\n",
    XML, END,
]  # fmt: skip


@given(st.lists(st.sampled_from(FRAGMENTS) | st.binary(max_size=20), max_size=14).map(b"".join), st.integers(1, 60))
@example(b'\nContent-Disposition: form-data; name="nachricht"\r\n', 1)
def test_any_bytes_are_read_or_refused_and_cuts_change_neither(body: bytes, size: int) -> None:
    for whole in (body, b"--grenze\r\n" + body):
        cut, at_once = outcome(whole, size=size), outcome(whole)
        if isinstance(at_once[0], dict):
            assert cut == at_once
        else:  # of two faults, the one that is seen first is named
            assert cut[0] in (400, 413)
            assert at_once[0] in (400, 413)


@given(st.text(max_size=100))
@example("../../etc/passwd")
@example("C:\\x")
def test_a_name_that_passes_is_a_plain_file_name(name: str) -> None:
    try:
        found = check_file_name(name)
    except Malformed:
        return
    assert found == name
    assert 0 < len(name) <= NAME_CHARS
    assert name.isprintable()
    assert not set(name) & set('/\\:*?"<>|')


@pytest.mark.parametrize(
    "head",
    [
        'name="f"; filename="../geheim.txt"',
        'name="f"; filename="/etc/passwd"',
        'name="f"; filename="ordner/brief.pdf"',
        'name="f"; filename="..\\geheim.txt"',
        'name="f"; filename="C:\\brief.pdf"',
        'name="f"; filename="\\\\server\\brief.pdf"',
        'name="f"; filename="..%2Fgeheim.txt"',
        'name="f"; filename="..%5cgeheim.txt"',
        'name="f"; filename="Brief%C3%A4.pdf"',
        'name="f"; filename="a%0D%0Ab.pdf"',
        'name="f"; filename=".."',
        'name="f"; filename="."',
        'name="f"; filename=""',
        'name="f"; filename=" a.pdf"',
        'name="f"; filename="a.pdf."',
        'name="f"; filename="a\u202efdp.exe"',
        'name="f"; filename="a\u200b.pdf"',
        'name="f"; filename="NUL:"',
        'name="f"; filename="' + "a" * 91 + '"',
        "name=\"f\"; filename*=UTF-8''brief.pdf",
        "name=\"f\"; filename*=UTF-8''..%2Fgeheim.txt",
        'name="f"; filename="brief.pdf"; filename*=UTF-8\'\'..%2Fgeheim.txt',
        'name="f"; filename*0="ge"; filename*1="heim"',
        'name="f"; filename="a.pdf"; filename="b.pdf"',
        'name="f"; FILENAME="a.pdf"; filename="b.pdf"',
        'name="f"; filename="a.pdf" geheim',
        'name="f" ; filename=a b.pdf',
        'name="../a.pdf"',
        'name="..\\a.pdf"; filename="a.pdf"',
    ],
)
def test_a_path_or_a_hidden_name_is_refused(head: str) -> None:
    refusal = refused(XML + part(f"form-data; {head}") + END)
    assert (refusal.status, refusal.code) == (400, "dateiname")
    assert "geheim" not in refusal.detail


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "multipart_unvollstaendig"),
        (b"{}", "multipart_unvollstaendig"),
        (b"kein Formular, sondern Text", "multipart"),
        (b"Vorrede\r\n" + GOOD, "multipart"),
        (GOOD.replace(b"\r\n", b"\n"), "multipart"),
        (END, "nachricht_fehlt"),
        (part('form-data; name="a.txt"') + END, "nachricht_fehlt"),
        (XML + XML + END, "teil_doppelt"),
        (XML + 2 * part('form-data; name="bestehen_auf"') + END, "teil_doppelt"),
        (XML + 2 * part('form-data; name="f"; filename="a.txt"') + END, "datei_doppelt"),
        (XML, "multipart_unvollstaendig"),
        (GOOD[: len(GOOD) // 2], "multipart_unvollstaendig"),
        (GOOD[: GOOD.rindex(b"--grenze--")], "multipart_unvollstaendig"),
        (part("attachment; filename=a") + END, "multipart"),
        (part("form-data") + END, "multipart"),
        (part('form-data; name=""') + END, "multipart"),
        (part('form-data; name="nachricht"', b"x", 'Content-Disposition: form-data; name="b"') + END, "multipart"),
        (part('form-data; name="a"', b"x", "Content-Type: a/b\nX-Gateway-Empfaenger: abh:1") + END, "multipart"),
        (part('form-data; name="a"', b"x", "Content-Type: kein Medientyp") + END, "medientyp_datei"),
        (part('form-data; name="a"', b"eA==", "Content-Transfer-Encoding: base64") + END, "kodierung"),
        (part('form-data; name="a"', b"x", "Content-Length: 2") + END, "multipart"),
        (part('form-data; name="a"', b"xyz", "Content-Length: 2") + END, "multipart"),
        (b"--grenze\r\n\xff\xfe: x\r\n\r\nx\r\n" + END, "multipart"),
    ],
)
def test_what_is_no_complete_form_is_refused(body: bytes, code: str) -> None:
    refusal = refused(body)
    assert (refusal.status, refusal.code) == (400, code)


@pytest.mark.parametrize("media_type", ["multipart/mixed; boundary=b", "message/rfc822", ""])
def test_a_composite_media_type_travels_as_octets(media_type: str) -> None:
    _, files = read(XML + part('form-data; name="a.eml"', b"x", f"Content-Type: {media_type}") + END)
    assert files == [("a.eml", "application/octet-stream", b"x")]


@pytest.mark.parametrize("boundary", ["", "a" * 71, "ende ", "ä", "\udcff", "a\nb", 'a"b'])
def test_a_boundary_is_one_of_rfc_2046(boundary: str) -> None:
    with pytest.raises(Malformed) as caught:
        Form(boundary)
    assert caught.value.code == "multipart"


def test_more_than_the_limit_is_refused_when_it_is_announced() -> None:
    Form(BOUNDARY, MESSAGE_BYTES + FRAMING_BYTES)
    with pytest.raises(TooLarge) as caught:
        Form(BOUNDARY, MESSAGE_BYTES + FRAMING_BYTES + 1)
    assert "200 MB" in caught.value.detail


def fed(form: Form, head: str, size: int, piece: bytes = bytes(1024 * 1024)) -> None:
    for _ in form.feed(part(f'form-data; name="{head}"', b"")[:-2]):
        pass
    for at in range(0, size, len(piece)):
        for _ in form.feed(piece[: size - at]):
            pass
    for _ in form.feed(b"\r\n"):
        pass


def test_the_sum_of_all_contents_has_the_limit() -> None:
    form = Form(BOUNDARY)
    fed(form, "a", MESSAGE_BYTES // 2)
    fed(form, "b", MESSAGE_BYTES // 2 - 1)
    fed(form, "nachricht", 1)
    with pytest.raises(TooLarge) as caught:
        fed(form, "c", 1)
    assert caught.value.code == "zu_gross"


def test_a_body_of_headers_alone_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forms, "MESSAGE_BYTES", 1000)
    monkeypatch.setattr(forms, "FRAMING_BYTES", 1000)
    assert refused(GOOD + b"-" * 2000).code == "zu_gross"


@pytest.mark.parametrize(
    ("field", "most"),
    [
        ("nachricht", XML_BYTES),
        ("sachverhalt", FIELD_BYTES),
        ("empfaenger", FIELD_BYTES),
        ("bestehen_auf", FIELD_BYTES),
    ],
)
def test_each_field_has_its_limit(field: str, most: int) -> None:
    assert outcome(part(f'form-data; name="{field}"', b"x" * most) + END) in (
        ({field: b"x" * most}, []),
        (400, "nachricht_fehlt"),
    )
    assert refused(part(f'form-data; name="{field}"', b"x" * (most + 1)) + END).status == 413


def test_files_are_counted() -> None:
    files = b"".join(part(f'form-data; name="{n}.txt"') for n in range(FILES))
    assert len(read(XML + files + END)[1]) == FILES
    assert refused(files + part('form-data; name="n.txt"') + XML + END).code == "zu_viele_dateien"


def test_headers_of_a_part_are_bounded() -> None:
    assert refused(part('form-data; name="a"', b"x", *(f"X-{n}: 1" for n in range(HEADERS))) + END).code == "kopfzeilen"
    long = part('form-data; name="a"', b"x", "X-Long: " + "x" * HEADER_BYTES)
    assert refused(long + END).code == "kopfzeilen"
    assert outcome(long[: -len(b"x\r\n")][:-4] + b"x" * 70_000, size=1000) == (413, "kopfzeilen")
