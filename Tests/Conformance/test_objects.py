"""The S3-compatible object store under /_s3, met with boto3 and the AWS CLI."""

import hashlib
import os
import threading

import pytest
from botocore.exceptions import ClientError

from runtimes import unique


@pytest.fixture
def bucket(s3):
    name = unique("objects").replace("_", "-")
    s3.create_bucket(Bucket=name)
    yield name
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=name):
        for entry in page.get("Contents", []):
            s3.delete_object(Bucket=name, Key=entry["Key"])
    s3.delete_bucket(Bucket=name)


def code(failure):
    return failure.value.response["Error"]["Code"], failure.value.response["ResponseMetadata"]["HTTPStatusCode"]


def test_put_get_head_delete(s3, bucket):
    body = os.urandom(100_000)
    put = s3.put_object(Bucket=bucket, Key="a/b c+d/ü.bin", Body=body, ContentType="application/x-test", Metadata={"team": "blue"})
    assert put["ETag"] == f'"{hashlib.md5(body).hexdigest()}"'
    got = s3.get_object(Bucket=bucket, Key="a/b c+d/ü.bin")
    assert got["Body"].read() == body
    assert got["ContentType"] == "application/x-test" and got["Metadata"] == {"team": "blue"} and got["ETag"] == put["ETag"]
    head = s3.head_object(Bucket=bucket, Key="a/b c+d/ü.bin")
    assert head["ContentLength"] == len(body) and head["LastModified"]
    s3.delete_object(Bucket=bucket, Key="a/b c+d/ü.bin")
    with pytest.raises(ClientError) as missing:
        s3.get_object(Bucket=bucket, Key="a/b c+d/ü.bin")
    assert code(missing) == ("NoSuchKey", 404)
    with pytest.raises(ClientError) as missing:
        s3.head_object(Bucket=bucket, Key="a/b c+d/ü.bin")
    assert missing.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404
    # Deleting what isn't there is no error.
    s3.delete_object(Bucket=bucket, Key="a/b c+d/ü.bin")


@pytest.mark.parametrize("size", [0, 1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 5_000_000])
def test_sizes(s3, bucket, size):
    body = os.urandom(size)
    s3.put_object(Bucket=bucket, Key="sized", Body=body)
    assert s3.get_object(Bucket=bucket, Key="sized")["Body"].read() == body


def test_ranges(s3, bucket):
    body = os.urandom(3_000_000)
    s3.put_object(Bucket=bucket, Key="ranged", Body=body)
    for text, expected in (("bytes=0-0", body[:1]), ("bytes=1000000-2100000", body[1000000:2100001]), ("bytes=-5", body[-5:]),
                           ("bytes=2999999-", body[-1:]), ("bytes=10-99999999", body[10:])):
        part = s3.get_object(Bucket=bucket, Key="ranged", Range=text)
        assert part["ResponseMetadata"]["HTTPStatusCode"] == 206
        assert part["Body"].read() == expected
    with pytest.raises(ClientError) as outside:
        s3.get_object(Bucket=bucket, Key="ranged", Range="bytes=3000000-")
    assert code(outside) == ("InvalidRange", 416)


def test_lists(s3, bucket):
    keys = [f"dir{d}/file{f}" for d in range(3) for f in range(4)] + ["root1", "root2"]
    for key in keys:
        s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    listed = [e["Key"] for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, PaginationConfig={"PageSize": 5})
              for e in page["Contents"]]
    assert listed == sorted(keys)
    top = s3.list_objects_v2(Bucket=bucket, Delimiter="/")
    assert [p["Prefix"] for p in top["CommonPrefixes"]] == ["dir0/", "dir1/", "dir2/"]
    assert [e["Key"] for e in top["Contents"]] == ["root1", "root2"] and not top["IsTruncated"]
    under = s3.list_objects_v2(Bucket=bucket, Prefix="dir1/", StartAfter="dir1/file1")
    assert [e["Key"] for e in under["Contents"]] == ["dir1/file2", "dir1/file3"] and under["KeyCount"] == 2
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket, Prefix="nothing")


def test_buckets(s3, bucket):
    assert bucket in [b["Name"] for b in s3.list_buckets()["Buckets"]]
    s3.head_bucket(Bucket=bucket)
    with pytest.raises(ClientError) as missing:
        s3.head_bucket(Bucket="no-such-bucket-here")
    assert missing.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404
    with pytest.raises(ClientError) as missing:
        s3.put_object(Bucket="no-such-bucket-here", Key="k", Body=b"")
    assert code(missing) == ("NoSuchBucket", 404)
    s3.put_object(Bucket=bucket, Key="k", Body=b"")
    with pytest.raises(ClientError) as full:
        s3.delete_bucket(Bucket=bucket)
    assert code(full) == ("BucketNotEmpty", 409)
    with pytest.raises(ClientError) as bad:
        s3.create_bucket(Bucket="Not_A_Bucket")
    assert code(bad)[1] == 400


class TestMultipart:
    def test_in_parts(self, s3, bucket):
        parts = [os.urandom(5 << 20), os.urandom(5 << 20), os.urandom(1234)]
        upload = s3.create_multipart_upload(Bucket=bucket, Key="big", ContentType="application/zip")["UploadId"]
        done = []
        # Out of order, and one of them twice: the last one counts.
        s3.upload_part(Bucket=bucket, Key="big", UploadId=upload, PartNumber=2, Body=b"x" * (5 << 20))
        for number in (3, 1, 2):
            answer = s3.upload_part(Bucket=bucket, Key="big", UploadId=upload, PartNumber=number, Body=parts[number - 1])
            done.append({"PartNumber": number, "ETag": answer["ETag"]})
        assert [p["PartNumber"] for p in s3.list_parts(Bucket=bucket, Key="big", UploadId=upload)["Parts"]] == [1, 2, 3]
        with pytest.raises(ClientError) as unfinished:
            s3.get_object(Bucket=bucket, Key="big")
        assert code(unfinished) == ("NoSuchKey", 404)
        done.sort(key=lambda part: part["PartNumber"])
        whole = s3.complete_multipart_upload(Bucket=bucket, Key="big", UploadId=upload, MultipartUpload={"Parts": done})
        assert whole["ETag"].endswith('-3"')
        got = s3.get_object(Bucket=bucket, Key="big")
        assert got["Body"].read() == b"".join(parts) and got["ContentType"] == "application/zip"

    def test_abort(self, s3, bucket):
        upload = s3.create_multipart_upload(Bucket=bucket, Key="never")["UploadId"]
        s3.upload_part(Bucket=bucket, Key="never", UploadId=upload, PartNumber=1, Body=b"x")
        s3.abort_multipart_upload(Bucket=bucket, Key="never", UploadId=upload)
        with pytest.raises(ClientError) as aborted:
            s3.upload_part(Bucket=bucket, Key="never", UploadId=upload, PartNumber=2, Body=b"x")
        assert code(aborted) == ("NoSuchUpload", 404)

    def test_wrong_parts(self, s3, bucket):
        upload = s3.create_multipart_upload(Bucket=bucket, Key="wrong")["UploadId"]
        etag = s3.upload_part(Bucket=bucket, Key="wrong", UploadId=upload, PartNumber=1, Body=b"x")["ETag"]
        for parts in ([{"PartNumber": 1, "ETag": '"0123"'}], [{"PartNumber": 2, "ETag": etag}]):
            with pytest.raises(ClientError) as wrong:
                s3.complete_multipart_upload(Bucket=bucket, Key="wrong", UploadId=upload, MultipartUpload={"Parts": parts})
            assert code(wrong)[0] == "InvalidPart"
        s3.abort_multipart_upload(Bucket=bucket, Key="wrong", UploadId=upload)


def test_aws_s3_cp_of_30_megabytes(aws, bucket, tmp_path):
    body = os.urandom(30_000_000)
    (tmp_path / "up").write_bytes(body)
    aws("s3", "cp", "--no-progress", str(tmp_path / "up"), f"s3://{bucket}/dir/up")
    aws("s3", "cp", "--no-progress", f"s3://{bucket}/dir/up", str(tmp_path / "down"))
    assert (tmp_path / "down").read_bytes() == body
    assert "30000000" in aws("s3", "ls", f"s3://{bucket}/dir/")
    aws("s3", "rm", "--recursive", f"s3://{bucket}/dir/")
    assert aws.attempt("s3", "ls", f"s3://{bucket}/dir/").stdout == ""


def test_no_object_is_ever_half_visible(s3, clients, bucket):
    """Readers during an overwrite get one whole object or the other."""
    contents = [bytes([letter]) * 3_000_000 for letter in b"ab"]
    s3.put_object(Bucket=bucket, Key="swap", Body=contents[0])
    stop, wrong = threading.Event(), []

    def read():
        own = clients.s3
        while not stop.is_set():
            body = own.get_object(Bucket=bucket, Key="swap")["Body"].read()
            if body not in contents:
                wrong.append(len(body))

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for number in range(10):
        s3.put_object(Bucket=bucket, Key="swap", Body=contents[(number + 1) % 2])
    stop.set()
    for reader in readers:
        reader.join()
    assert not wrong


def test_an_upload_that_breaks_off_leaves_nothing(server, s3, bucket):
    """Fewer bytes than announced, and bytes that don't match their hash."""
    import socket

    signer = server.signer(service="s3")
    body = os.urandom(2_000_000)
    whole = signer.raw("PUT", f"/_s3/{bucket}/broken", body)
    host, port = signer.host.rsplit(":", 1)
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        connection.sendall(whole[:-1000])
    headers = signer.headers("PUT", f"/_s3/{bucket}/broken", body)
    reply = signer.send_with("PUT", f"/_s3/{bucket}/broken", body[:-1] + bytes([body[-1] ^ 1]), headers)
    assert reply.status in (400, 403), reply
    with pytest.raises(ClientError) as missing:
        s3.get_object(Bucket=bucket, Key="broken")
    assert code(missing) == ("NoSuchKey", 404)
