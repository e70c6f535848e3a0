"""An S3 server on this machine (moto's), for tests with a store that every process sees."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import pytest


def missing() -> str | None:
    """Why there is no such server; None if there can be one."""
    for module in ("moto.server", "s3fs"):
        try:
            __import__(module)
        except ImportError as error:
            return f"no S3 server to test with: the extra `test-s3` is not installed ({error})"
    return None


@contextmanager
def s3() -> Iterator[str]:
    """The URL of a bucket; in this block, this process and those that it starts find the server."""
    import logging

    import boto3
    from fsspec import get_filesystem_class
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # which tells every request
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    variables = {"ACCESS_KEY_ID": "test", "SECRET_ACCESS_KEY": "test", "DEFAULT_REGION": "us-east-1"}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {
            **variables,
            "ENDPOINT_URL": f"http://{host.replace('0.0.0.0', '127.0.0.1')}:{port}",
        }.items():
            patch.setenv(f"AWS_{name}", value)
        bucket = f"bucket-{secrets.token_hex(4)}"  # all servers of a process have the same buckets
        boto3.client("s3").create_bucket(Bucket=bucket)
        get_filesystem_class("s3").clear_instance_cache()  # of connections to an earlier server
        yield f"s3://{bucket}"
    server.stop()
