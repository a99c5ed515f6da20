"""Receipts, written and read: tolerant of every spelling seen, never crashing, never guessing."""

import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import mime
from gateway.settle.disposition import (
    DECRYPTION_FAILED,
    DUPLICATE,
    PROCESSED,
    UNKNOWN_TRADING_RELATIONSHIP,
    UNSUPPORTED_MIC_ALGORITHMS,
    Disposition,
    read_disposition,
    refusal,
)
from gateway.settle.mdn import (
    FIELDS_MAX,
    HUMAN_TEXT,
    REPORT_MAX,
    Mic,
    Report,
    bare_id,
    build_report,
    is_receipt_type,
    parse_report,
)

DIGEST = hashlib.sha256(b"entity").digest()
MIC = Mic(DIGEST, "sha-256")
B64 = base64.b64encode(DIGEST).decode()


def built(**changes: object) -> bytes:
    values: dict[str, object] = {
        "original_message_id": "<1@hub.example>",
        "disposition": PROCESSED,
        "final_recipient": "stadt koeln",
        "reporting_ua": "Nachrichtengateway",
        "mic": MIC,
    }
    return build_report(**(values | changes))  # type: ignore[arg-type]


def report(machine: str, *, encoding: str = "7bit", line_end: str = "\r\n", subtype: str = "report") -> bytes:
    """A receipt as another program may write it."""
    body = machine.replace("\r\n", "\n").replace("\n", line_end).encode("latin-1")
    if encoding == "base64":
        body = base64.encodebytes(body).replace(b"\n", line_end.encode())
    lines = [
        f'Content-Type: multipart/{subtype}; report-type="disposition-notification"; boundary="b"',
        "",
        "--b",
        "Content-Type: text/plain",
        "",
        "processed, somehow",
        "--b",
        "content-type: MESSAGE/disposition-notification",
        f"Content-Transfer-Encoding: {encoding}",
        "",
    ]
    return line_end.join(lines).encode() + line_end.encode() + body + f"{line_end}--b--{line_end}".encode()


def test_a_built_report_is_read_again() -> None:
    read = parse_report(built(original_recipient="gw-nrw"))
    assert read == Report(
        disposition=PROCESSED,
        original_message_id="1@hub.example",
        mic=MIC,
        mic_raw=f"{B64}, sha-256",
        original_recipient="rfc822; gw-nrw",
        final_recipient='rfc822; "stadt koeln"',
        reporting_ua="Nachrichtengateway",
    )


@pytest.mark.parametrize(
    "disposition", [PROCESSED, DUPLICATE, DECRYPTION_FAILED, UNKNOWN_TRADING_RELATIONSHIP, UNSUPPORTED_MIC_ALGORITHMS]
)
def test_every_disposition_of_ours_survives(disposition: Disposition) -> None:
    assert parse_report(built(disposition=disposition, mic=None)).disposition == disposition


def test_the_lines_of_a_report_are_those_of_rfc_4130() -> None:
    human, machine = mime.parts(mime.parse(built(disposition=DECRYPTION_FAILED, mic=None)))
    assert human.body == HUMAN_TEXT
    assert machine.body.split(b"\r\n") == [
        b"Reporting-UA: Nachrichtengateway",
        b'Final-Recipient: rfc822; "stadt koeln"',
        b"Original-Message-ID: <1@hub.example>",
        b"Disposition: automatic-action/MDN-sent-automatically; processed/error: decryption-failed",
        b"",
    ]
    assert b"Received-Content-MIC: " + f"{B64}, sha-256".encode() in built()


def test_equal_reports_have_equal_bytes() -> None:
    assert built() == built()


@pytest.mark.parametrize("raw", [b"<1@x>", b"no brackets", b'"<q@x>"', b"<umlaut-\xe4@x>", b"<a@x> <b@x>"])
def test_original_message_id_is_repeated_byte_for_byte(raw: bytes) -> None:
    assert b"\r\nOriginal-Message-ID: " + raw + b"\r\n" in built(original_message_id=raw.decode("latin-1"))


def test_without_a_message_id_the_field_is_left_out() -> None:
    assert b"Original-Message-ID" not in built(original_message_id="")


@pytest.mark.parametrize("field", ["original_message_id", "reporting_ua", "final_recipient", "original_recipient"])
@pytest.mark.parametrize("value", ["a\r\nDisposition: x", "a\nb", "a\0b", "a\rb"])
def test_no_value_breaks_out_of_its_field(field: str, value: str) -> None:
    with pytest.raises(ValueError):
        built(**{field: value})


def test_a_mail_address_stands_unquoted() -> None:
    assert b"Final-Recipient: rfc822; post@edge.example\r\n" in built(final_recipient="post@edge.example")


@pytest.mark.parametrize(
    "value",
    [
        f"{B64}, sha-256",
        f"{B64},sha256",
        f"  {B64} ,  SHA-256 ",
        f"{B64}, SHA256",
        f"{B64}, sha2-256",
        f'"{B64}", "sha-256"',
        f"{B64[:20]} {B64[20:]}, sha_256",
        f"{B64}, rsa-sha256",
    ],
)
def test_all_spellings_of_a_digest_are_read(value: str) -> None:
    assert Mic.read(value) == MIC


@pytest.mark.parametrize(
    "value",
    ["", ",", ", sha-256", B64, f"{B64},", f"{B64}, sha-512", f"{B64[:-4]}, sha-256", f"{B64}, crc", "?!, sha-256"],
)
def test_no_digest_is_made_of_less(value: str) -> None:
    assert Mic.read(value) is None


def test_a_stored_digest_is_taken_whole_or_not() -> None:
    assert Mic.of(B64, "sha256") == MIC
    for digest, alg in ((B64, "sha-512"), ("", "sha-256"), (B64, "")):
        with pytest.raises(ValueError):
            Mic.of(digest, alg)


def test_a_refusal_names_a_cause_of_the_rfc() -> None:
    assert refusal("decryption-failed") == DECRYPTION_FAILED
    assert refusal("unexpected-processing-error").negative
    with pytest.raises(ValueError):
        refusal("Passwort falsch")


def test_an_empty_digest_cannot_exist() -> None:
    with pytest.raises(ValueError):
        Mic(b"", "sha-256")


@pytest.mark.parametrize(
    ("message_id", "core"),
    [
        ("<a@x>", "a@x"),
        (" <a@x> ", "a@x"),
        ("a@x", "a@x"),
        ('"<a@x>"', "a@x"),
        ('"a@x"', "a@x"),
        ("<<a@x>>", "<a@x>"),
        ("<A@x>", "A@x"),
        ("<>", ""),
        ("<", "<"),
        ("", ""),
    ],
)
def test_a_message_id_without_its_wrapping(message_id: str, core: str) -> None:
    assert bare_id(message_id) == core


@pytest.mark.parametrize(
    ("value", "positive", "negative", "cause"),
    [
        ("automatic-action/MDN-sent-automatically; processed", True, False, ""),
        ("automatic-action/mdn-sent-automatically;PROCESSED", True, False, ""),
        ("processed", True, False, ""),
        ("automatic-action/x; processed/warning: duplicate-document", True, False, "duplicate-document"),
        ("automatic-action/x; Processed / Warning : Duplicate Document", True, False, "duplicate-document"),
        ("automatic-action/x; processed/error: decryption-failed", False, True, "decryption-failed"),
        ("automatic-action/x; processed/Error:  Authentication_Failed, see log", False, True, "authentication-failed"),
        ("automatic-action/x; processed; error: decryption-failed", False, True, "decryption-failed"),
        ("automatic-action/x; failed/Failure: unsupported MIC-algorithms", False, True, "unsupported-mic-algorithms"),
        ("automatic-action/x; failed", False, True, ""),
        ("automatic-action/x; denied", False, True, ""),
        ("automatic-action/x; processed/warning,error: x", False, True, "x"),
        ("automatic-action/x; displayed", False, False, ""),
        ("automatic-action/x; deleted", False, False, ""),
        ("automatic-action/x; processed/superseded", False, False, ""),
        ("automatic-action/x; processed error: x", False, False, "x"),
        ("automatic-action/x; unprocessed", False, False, ""),
        ("automatic-action/x; ja", False, False, ""),
        ("; processed", True, False, ""),
        ("processed/error; processed", False, True, ""),
        ("processed/error: x; processed", False, True, "x"),
        ("failed; processed", False, True, ""),
        ("x/y; processed", False, False, ""),
    ],
)
def test_dispositions_are_read_and_never_guessed(value: str, positive: bool, negative: bool, cause: str) -> None:
    disposition = read_disposition(value)
    assert disposition is not None
    assert (disposition.positive, disposition.negative, disposition.cause) == (positive, negative, cause)


@pytest.mark.parametrize(
    "value",
    ["", " ", ";", "automatic-action/MDN-sent-automatically", "automatic-action/x;", "automatic-action/x; /error: x"],
)
def test_no_disposition_is_made_of_less(value: str) -> None:
    assert read_disposition(value) is None


@given(st.text(max_size=100))
def test_no_disposition_is_both(value: str) -> None:
    disposition = read_disposition(value)
    assert disposition is None or not (disposition.positive and disposition.negative)


GOOD = (
    "Original-Message-ID: <1@hub.example>\n"
    "Disposition: automatic-action/MDN-sent-automatically; processed\n"
    f"Received-Content-MIC: {B64}, sha256\n"
)


@pytest.mark.parametrize("encoding", ["7bit", "8bit", "binary", "base64", "BASE64"])
@pytest.mark.parametrize("line_end", ["\r\n", "\n"])
def test_encodings_and_line_ends_do_not_matter(encoding: str, line_end: str) -> None:
    read = parse_report(report(GOOD, encoding=encoding.lower(), line_end=line_end))
    assert (read.original_message_id, read.mic, read.faults) == ("1@hub.example", MIC, ())
    assert read.disposition is not None
    assert read.disposition.positive


@pytest.mark.parametrize(
    "machine",
    [
        GOOD.upper().replace(B64.upper(), B64).replace("1@HUB.EXAMPLE", "1@hub.example"),
        GOOD.replace(": ", ":"),
        GOOD.replace(": ", "  :   "),
        GOOD.replace("; processed", ";\n processed").replace(": <", ":\n\t<"),
        "\n\n" + GOOD + "\n\n",
        GOOD.replace("<", "").replace(">", ""),
        GOOD.replace("<", '"<').replace(">", '>"'),
        "Reporting-UA: x; y\nnot a field\n: empty\n" + GOOD,
        GOOD + GOOD,
    ],
)
def test_sloppy_fields_are_read(machine: str) -> None:
    read = parse_report(report(machine))
    assert (read.original_message_id, read.mic, read.conflicts) == ("1@hub.example", MIC, ())
    assert read.disposition is not None
    assert read.disposition.positive


@pytest.mark.parametrize(
    ("extra", "field"),
    [
        ("Disposition: x; processed/error: y\n", "disposition"),
        ("original-message-id: <2@hub.example>\n", "original-message-id"),
        (f"Received-Content-MIC: {B64}, sha-1\n", "received-content-mic"),
        ("".join(f"X-{n}: y\n" for n in range(FIELDS_MAX)), "*"),
    ],
)
def test_fields_that_contradict_each_other_are_noted(extra: str, field: str) -> None:
    assert field in parse_report(report(GOOD + extra)).conflicts


def test_a_description_in_a_field_of_its_own_is_found() -> None:
    machine = "Original-Message-ID: <1@x>\nDisposition: automatic-action/x; processed/error\nError: decryption-failed\n"
    read = parse_report(report(machine))
    assert read.disposition is not None
    assert (read.disposition.cause, read.details) == ("decryption-failed", ("error",))


def test_the_report_inside_a_signed_entity_is_found() -> None:
    signature = mime.build([("Content-Type", "application/pkcs7-signature")], b"x\r\n")
    assert parse_report(mime.multipart("signed", [built(), signature])) == parse_report(built())


def test_what_stands_beside_the_signed_part_is_no_report() -> None:
    text = mime.build([("Content-Type", "text/plain")], b"x\r\n")
    assert parse_report(mime.multipart("signed", [text, built()])).faults == ("kein_maschinenteil",)


def test_the_machine_part_alone_and_a_whole_mail_are_read() -> None:
    alone = b"Content-Type: message/disposition-notification\r\n\r\n" + GOOD.encode()
    mail = b"From: a@x\r\nTo: b@x\r\nSubject: =?utf-8?q?Lesebest=C3=A4tigung?=\r\nMIME-Version: 1.0\r\n" + built()
    assert parse_report(alone).mic == MIC
    assert parse_report(mail) == parse_report(built())


@pytest.mark.parametrize(
    ("entity", "fault"),
    [
        (b"", "kein_maschinenteil"),
        (b"<html>502</html>", "mime_header_unterminated"),
        (b"Content-Type: text/html\r\n\r\n<html/>", "kein_maschinenteil"),
        (b"Content-Type: multipart/report\r\n\r\nx", "mime_boundary"),
        (report(GOOD)[:100], "mime_header_unterminated"),
        (report(GOOD, encoding="x-zip"), "mime_transfer_encoding"),
        (b"x" * (REPORT_MAX + 1), "zu_gross"),
        (report("nothing of use\n"), "disposition"),
        (report("Disposition: automatic-action/x; processed\n"), "original_message_id"),
        (report(GOOD.replace(B64, "?")), "received_content_mic"),
        (mime.multipart("mixed", [built(), built()]), "mehrere_maschinenteile"),
    ],
)
def test_what_is_missing_is_told(entity: bytes, fault: str) -> None:
    assert fault in parse_report(entity).faults


@given(st.binary(max_size=400))
def test_hostile_bytes_do_no_harm(entity: bytes) -> None:
    assert isinstance(parse_report(entity), Report)
    assert isinstance(parse_report(b"Content-Type: message/disposition-notification\r\n\r\n" + entity), Report)


@given(st.data())
def test_a_damaged_report_does_no_harm(data: st.DataObject) -> None:
    entity = bytearray(built())
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(entity) - 1))
        entity[at : at + data.draw(st.integers(0, 9))] = data.draw(st.binary(max_size=9))
    read = parse_report(bytes(entity))
    assert read.mic is None or len(read.mic.digest) >= 16


@pytest.mark.parametrize("line_end", ["\r\n", "\n"])
def test_a_missing_closing_delimiter_is_forgiven(line_end: str) -> None:
    whole = report(GOOD, line_end=line_end)
    cut = whole[: whole.rindex(b"--b--") - len(line_end)]
    assert parse_report(cut) == parse_report(whole)
    assert parse_report(cut + b"--b") != parse_report(whole)


def test_deep_nesting_ends() -> None:
    entity = built()
    for _ in range(30):
        entity = mime.multipart("mixed", [entity])
    assert parse_report(entity).disposition is None


@pytest.mark.parametrize(
    ("content_type", "can_be"),
    [
        ("multipart/report; report-type=disposition-notification", True),
        ("Multipart/Signed; micalg=sha-256", True),
        ("message/disposition-notification", True),
        ("application/pkcs7-mime; smime-type=signed-data", True),
        ("text/html", False),
        ("", False),
        ("text/plain; x=multipart/report", False),
    ],
)
def test_which_answers_can_be_receipts(content_type: str, can_be: bool) -> None:
    assert is_receipt_type(content_type) is can_be


def test_a_receipt_carries_the_checkpoint_of_the_log_in_the_part_for_people() -> None:
    note = "gw:nrw/protokoll\n7\nAAAA\nzeit 2026-11-22T18:00:00.000000Z\n"
    entity = built(checkpoint=note)
    human = mime.parts(mime.parse(entity))[0]
    assert human.body.startswith(HUMAN_TEXT)
    assert human.body.endswith(note.replace("\n", "\r\n").encode())
    assert parse_report(entity) == parse_report(built())
