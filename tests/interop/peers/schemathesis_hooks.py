"""What schemathesis does not know by itself: a body of bytes is sent as it is."""

import schemathesis


@schemathesis.serializer("application/pkcs7-signature")
def as_it_is(_context, value):
    return value if isinstance(value, bytes) else str(value).encode()
