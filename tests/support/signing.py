"""Signed manifests for tests: a temporary certificate authority, and images with chosen claims."""

from __future__ import annotations

import datetime
import io
import json
from functools import cache
from typing import Any

import c2pa
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_MIME = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp", "AVIF": "image/avif", "GIF": "image/gif",
         "TIFF": "image/tiff", "HEIC": "image/heic", "JXL": "image/jxl"}  # fmt: skip


def manifest(*actions: tuple[str, str | None], generator: str = "some tool", **more: Any) -> dict[str, Any]:
    """A manifest with actions (name, digital source type)."""
    listed = [
        {
            "action": name,
            **({"digitalSourceType": kind} if kind else {}),
            **({"parameters": {"ingredientIds": ["the-ingredient"]}} if name in ("c2pa.opened", "c2pa.placed") else {}),
        }
        for name, kind in actions
    ]
    return {
        "claim_generator_info": [{"name": generator, "version": "1"}],
        "assertions": [{"label": "c2pa.actions", "data": {"actions": listed}}],
        **more,
    }


def signed(
    data: bytes, content: dict[str, Any], format: str = "JPEG", ingredients: tuple[tuple[str, bytes], ...] = ()
) -> bytes:
    """An image with a manifest; ingredients are (relationship, image)."""
    out = io.BytesIO()
    with c2pa.Builder(json.dumps(content)) as builder:
        for relationship, image in ingredients:
            entry = json.dumps({"title": "ingredient", "relationship": relationship, "label": "the-ingredient"})
            builder.add_ingredient(entry, _MIME[format], io.BytesIO(image))
        builder.sign(_signer(), _MIME[format], io.BytesIO(data), out)
    return out.getvalue()


def _signer() -> Any:
    chain, key = _authority()
    return c2pa.Signer.from_info(c2pa.C2paSignerInfo(b"es256", chain, key, None))


@cache
def _authority() -> tuple[bytes, bytes]:
    now = datetime.datetime.now(datetime.UTC)
    root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())

    def certificate(name: str, issuer: str, public: Any, sign_with: Any, is_root: bool) -> Any:
        def named(text: str) -> x509.Name:
            return x509.Name(
                [x509.NameAttribute(NameOID.ORGANIZATION_NAME, text), x509.NameAttribute(NameOID.COMMON_NAME, text)]
            )

        usage = dict.fromkeys(
            ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
             "key_cert_sign", "crl_sign", "encipher_only", "decipher_only"), False,
        )  # fmt: skip
        usage["key_cert_sign" if is_root else "digital_signature"] = True
        builder = (
            x509.CertificateBuilder()
            .subject_name(named(name))
            .issuer_name(named(issuer))
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=365))
            .add_extension(x509.BasicConstraints(is_root, None), critical=True)
            .add_extension(x509.KeyUsage(**usage), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()), critical=False)
        )
        if not is_root:
            builder = builder.add_extension(
                x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False
            )
        return builder.sign(sign_with, hashes.SHA256())

    root = certificate("Test Root", "Test Root", root_key.public_key(), root_key, True)
    leaf = certificate("Test Signer", "Test Root", key.public_key(), root_key, False)
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return leaf.public_bytes(pem) + root.public_bytes(pem), private
