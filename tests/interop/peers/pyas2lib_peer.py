"""A partner made of pyas2lib: reads what we send and answers with its receipt; writes messages and reads our receipts.

Runs in pyas2lib's own environment and knows nothing of ours but the line protocol.
"""

from line import Fields, serve
from pyas2lib.as2 import Mdn, Message, Organization, Partner


class Peer:
    """One agreement, as pyas2lib describes it."""

    def __init__(self) -> None:
        self.sent: dict[str, Message] = {}

    def agree(self, fields: Fields) -> Fields:
        text = {name: value.decode() for name, value in fields.items()}
        self.organization = Organization(
            as2_name=text["name"],
            sign_key=fields["sign_key"] + fields["sign_cert"],
            decrypt_key=fields["encrypt_key"] + fields["encrypt_cert"],
            mdn_url=text.get("url"),
            domain="pyas2lib.example",
        )
        self.partner = Partner(
            as2_name=text["partner"],
            verify_cert=fields["partner_sign"],
            verify_cert_ca=fields["ca"],
            encrypt_cert=fields["partner_encrypt"],
            encrypt_cert_ca=fields["ca"],
            ignore_self_signed=False,
            sign=True,
            encrypt=True,
            compress=text.get("compress") == "yes",
            digest_alg=text.get("digest", "sha256"),
            enc_alg=text.get("content", "aes_256_cbc"),
            sign_alg=text.get("signature", "rsassa_pkcs1v15"),
            key_enc_alg=text.get("transport", "rsaes_pkcs1v15"),
            mdn_mode=text.get("mdn", "SYNC"),
            mdn_digest_alg=text.get("digest", "sha256"),
        )
        return {}

    def receive(self, fields: Fields) -> Fields:
        """A message of ours: what it holds, and the receipt."""
        message = Message()
        status, (error, _), mdn = message.parse(
            fields["headers"] + b"\r\n" + fields["body"],
            find_org_cb=lambda name: self.organization if name == self.organization.as2_name else None,
            find_partner_cb=lambda name: self.partner if name == self.partner.as2_name else None,
        )
        return {
            "status": status.encode(),
            "error": b"" if error is None else repr(error).encode(),
            "content": message.content or b"",
            "headers": mdn.headers_str,
            "body": mdn.content,
            "url": (mdn.mdn_url or "").encode(),
        }

    def send(self, fields: Fields) -> Fields:
        """A message to us."""
        message = Message(self.organization, self.partner)
        message.build(fields["content"], filename="nachricht.xml", content_type="application/xml")
        self.sent[message.message_id] = message
        return {
            "headers": message.headers_str,
            "body": message.content,
            "mic": message.mic,
            "message_id": message.message_id.encode(),
        }

    def receipt(self, fields: Fields) -> Fields:
        """A receipt of ours, as pyas2lib judges it."""
        status, detail = Mdn().parse(
            fields["headers"] + b"\r\n" + fields["body"], lambda message_id, _: self.sent.get(message_id)
        )
        return {"status": (status or "").encode(), "detail": (detail or "").encode()}


if __name__ == "__main__":
    peer = Peer()
    serve({"agree": peer.agree, "receive": peer.receive, "send": peer.send, "receipt": peer.receipt})
