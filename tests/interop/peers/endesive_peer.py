"""A mail program made of endesive: signs, verifies, encrypts and decrypts S/MIME.

Runs in endesive's own environment and knows nothing of ours but the line protocol.
"""

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from endesive import email, verifier
from line import Fields, serve


def sign(fields: Fields) -> Fields:
    key, certificate = load_pem_private_key(fields["key"], None), x509.load_pem_x509_certificate(fields["cert"])
    options = {"hashalgo": fields["hash"].decode(), "attrs": True, "pss": fields["pss"] == b"yes"}
    return {"mail": email.sign(fields["content"], key, certificate, [], **options)}


def verify_cms(fields: Fields) -> Fields:
    """endesive's judgement of a signature over exactly these bytes, without its reading of mail."""
    return _verdict(verifier.verify(fields["cms"], fields["content"], [fields["ca"]]))


def verify(fields: Fields) -> Fields:
    return _verdict(email.verify(fields["mail"].decode(), [fields["ca"]]))


def _verdict(result: verifier.Result) -> Fields:
    verdict = {"hash": result.hashok, "signature": result.signatureok, "certificate": result.certok}
    return {name: b"yes" if holds else b"no" for name, holds in verdict.items()}


def encrypt(fields: Fields) -> Fields:
    certificate = x509.load_pem_x509_certificate(fields["cert"])
    sealed = email.encrypt(fields["content"], [certificate], fields["algorithm"].decode(), fields["oaep"] == b"yes")
    return {"mail": sealed.encode()}


def decrypt(fields: Fields) -> Fields:
    return {"content": email.decrypt(fields["mail"].decode(), load_pem_private_key(fields["key"], None))}


if __name__ == "__main__":
    serve({"sign": sign, "verify": verify, "verify_cms": verify_cms, "encrypt": encrypt, "decrypt": decrypt})
