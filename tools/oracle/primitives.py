# SPDX-License-Identifier: MIT
"""Primitives of spec/crypto.md a second time, from the specifications and not from the C code: curve
arithmetic in plain integers, the rest from python3-cryptography and hashlib. Slow and readable."""
import functools
import hashlib
import hmac

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def mac(key, data):
    return hashlib.blake2b(data, key=key, digest_size=16).digest()


# ---- Ed25519, RFC 8032, as far as the library does not go: points as (x, y) ----
NEUTRAL = (0, 1)


def point_add(a, b):
    product = D * a[0] * b[0] * a[1] * b[1] % P
    x = (a[0] * b[1] + b[0] * a[1]) * pow(1 + product, P - 2, P)
    y = (a[1] * b[1] + a[0] * b[0]) * pow(1 - product, P - 2, P)
    return x % P, y % P


def point_multiply(scalar, point):
    result = NEUTRAL
    while scalar:
        if scalar & 1:
            result = point_add(result, point)
        point = point_add(point, point)
        scalar >>= 1
    return result


def point_encode(point):
    return (point[1] | (point[0] & 1) << 255).to_bytes(32, "little")


def point_decode(data):
    """None unless the encoding is canonical and the point is on the curve."""
    number = int.from_bytes(data, "little")
    sign, y = number >> 255, number & (1 << 255) - 1
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if (x * x - square) % P or (x == 0 and sign):
        return None
    return (P - x if x & 1 != sign else x), y


BASE = point_decode((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))
# A point of order 8: what is left of a point outside the group after multiplying by L.
TORSION = next(
    torsion for torsion in (point_multiply(L, point_decode(y.to_bytes(32, "little")))
                            for y in range(2, 100) if point_decode(y.to_bytes(32, "little")))
    if point_multiply(4, torsion) != NEUTRAL)


@functools.lru_cache
def identity_key_is_valid(data):
    point = point_decode(data)
    return point is not None and point != NEUTRAL and point_multiply(L, point) == NEUTRAL


def expand_seed(seed):
    digest = hashlib.sha512(seed).digest()
    scalar = int.from_bytes(digest[:32], "little")
    return (scalar & (1 << 254) - 8) | 1 << 254, digest[32:]


def hash_to_scalar(*parts):
    return int.from_bytes(hashlib.sha512(b"".join(parts)).digest(), "little") % L


def identity_key(seed):
    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes(
        Encoding.Raw, PublicFormat.Raw)


def sign(seed, label, message):
    return Ed25519PrivateKey.from_private_bytes(seed).sign(label.encode() + b"\0" + message)


# ---- X25519 ----
def link_public(secret):
    return X25519PrivateKey.from_private_bytes(secret).public_key().public_bytes(
        Encoding.Raw, PublicFormat.Raw)


def key_agreement(secret, public):
    return X25519PrivateKey.from_private_bytes(secret).exchange(
        X25519PublicKey.from_public_bytes(public))


def query_secret(seed):
    return hashlib.sha512(seed).digest()[:32]


@functools.lru_cache
def query_public(identity):
    y = point_decode(identity)[1]
    return ((1 + y) * pow(1 - y, P - 2, P) % P).to_bytes(32, "little")


# ---- AEAD with the nonces of Noise ----
def aead(suite, key, nonce):
    if suite == "AESGCM":
        return AESGCM(key), bytes(4) + nonce.to_bytes(8, "big")
    return ChaCha20Poly1305(key), bytes(4) + nonce.to_bytes(8, "little")


def seal(suite, key, nonce, ad, plain):
    cipher, number = aead(suite, key, nonce)
    return cipher.encrypt(number, plain, ad)


def open_sealed(suite, key, nonce, ad, sealed):
    """None where it does not authenticate."""
    cipher, number = aead(suite, key, nonce)
    try:
        return cipher.decrypt(number, sealed, ad)
    except InvalidTag:
        return None


def quarter_round(x, a, b, c, d):
    for first, second, third, bits in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
        x[first] = (x[first] + x[second]) & 0xffffffff
        mixed = x[third] ^ x[first]
        x[third] = (mixed << bits | mixed >> 32 - bits) & 0xffffffff


def hchacha20(key, nonce):
    """The key of XChaCha20 (draft-irtf-cfrg-xchacha): rows 0 and 3 of the state after 20 rounds."""
    data = b"expand 32-byte k" + key + nonce[:16]
    x = [int.from_bytes(data[i:i + 4], "little") for i in range(0, 64, 4)]
    for _ in range(10):
        for i in range(4):
            quarter_round(x, i, 4 + i, 8 + i, 12 + i)
        for i in range(4):
            quarter_round(x, i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4)
    return b"".join(word.to_bytes(4, "little") for word in x[:4] + x[12:])


def xchacha_seal(key, nonce, ad, plain):
    subkey = hchacha20(key, nonce)
    return ChaCha20Poly1305(subkey).encrypt(bytes(4) + nonce[16:], plain, ad)


def xchacha_open(key, nonce, ad, sealed):
    """None where it does not authenticate."""
    try:
        return ChaCha20Poly1305(hchacha20(key, nonce)).decrypt(bytes(4) + nonce[16:], sealed, ad)
    except InvalidTag:
        return None


def rekey(suite, key):
    return seal(suite, key, 2**64 - 1, b"", bytes(32))[:32]


# ---- Noise, revision 34: NK and XX ----
class Noise:
    """A transcript; whoever makes vectors knows every secret and plays both ends."""

    def __init__(self, pattern, suite, prologue):
        name = f"Noise_{pattern}_25519_{suite}_SHA256".encode()
        self.h = name.ljust(32, b"\0") if len(name) <= 32 else sha256(name)
        self.ck = self.h
        self.k = None
        self.n = 0
        self.suite = suite
        self.mix_hash(prologue)

    def mix_hash(self, data):
        self.h = sha256(self.h, data)

    def hkdf(self, data):
        key = hmac.digest(self.ck, data, "sha256")
        first = hmac.digest(key, b"\1", "sha256")
        return first, hmac.digest(key, first + b"\2", "sha256")

    def mix_key(self, secret, public):
        self.ck, self.k = self.hkdf(key_agreement(secret, public))
        self.n = 0

    def encrypt_and_hash(self, plain):
        out = plain
        if self.k:
            out = seal(self.suite, self.k, self.n, self.h, plain)
            self.n += 1
        self.mix_hash(out)
        return out

    def decrypt_and_hash(self, data):
        """None where it does not authenticate: the handshake is over."""
        out = open_sealed(self.suite, self.k, self.n, self.h, data)
        self.n += 1
        self.mix_hash(data)
        return out

    def send_key(self, public):
        self.mix_hash(public)
        return public

    def split(self):
        return self.hkdf(b"")
