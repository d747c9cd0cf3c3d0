import hashlib
import resource
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from lstm_units.errors import CheckpointError, ConfigurationError, UserError
from lstm_units.models.download import download

BODY = bytes(range(256)) * 12_000  # three chunks
SHA256 = hashlib.sha256(BODY).hexdigest()


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        asked = self.server.asked
        asked.append(self.path)
        if self.path == "/flaky" and len(asked) <= 2:
            self.send_error(503 if len(asked) == 1 else 500)
            return
        if self.path == "/none":
            self.send_error(404)
            return
        if self.path == "/busy":
            self.send_error(503)
            return
        short = self.path == "/cut" or (self.path == "/cut_once" and len(asked) == 1)
        if self.path == "/hung_up" and len(asked) == 1:
            self.close_connection = True
            return
        self.send_response(200)
        if self.path != "/unknown_length":
            self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        self.wfile.write(BODY[: len(BODY) // 2] if short else BODY)

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.asked = []
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    server.url = f"http://127.0.0.1:{server.server_port}"
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def pauses(monkeypatch):
    """Pauses between tries, recorded instead of waited."""
    seen = []
    monkeypatch.setattr("lstm_units.models.download.time.sleep", seen.append)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    return seen


@pytest.mark.parametrize(
    ("path", "tries"),
    [("good", 1), ("unknown_length", 1), ("flaky", 3), ("cut_once", 2), ("hung_up", 2)],
)
def test_file_arrives_whole(tmp_path, server, pauses, path, tries):
    target = tmp_path / "new" / "model.pt"
    assert download(f"{server.url}/{path}", target, SHA256.upper(), wait=1.0) == target
    assert target.read_bytes() == BODY
    assert len(server.asked) == tries
    assert pauses == [1.0, 2.0][: tries - 1]
    assert list(target.parent.iterdir()) == [target]


@pytest.mark.parametrize(
    ("path", "tries", "match"),
    [
        ("none", 1, r"answers 404 Not Found \(tried 1 time\)"),
        ("busy", 4, r"answers 503 .*\(tried 4 times\)"),
        ("cut", 4, rf"ended after {len(BODY) // 2} of {len(BODY)} bytes \(tried 4 times\)"),
    ],
)
def test_failure_names_url_and_reason_and_leaves_the_folder_alone(
    tmp_path, server, pauses, path, tries, match
):
    (tmp_path / "model.pt").write_bytes(b"what was there")
    with pytest.raises(CheckpointError, match=f"cannot download {server.url}/{path}: .*{match}"):
        download(f"{server.url}/{path}", tmp_path / "model.pt", SHA256, retries=3, wait=1.0)
    assert len(server.asked) == tries
    assert pauses == [1.0, 2.0, 4.0][: tries - 1]
    assert [p.name for p in tmp_path.iterdir()] == ["model.pt"]
    assert (tmp_path / "model.pt").read_bytes() == b"what was there"


def test_wrong_sha256_names_both(tmp_path, server, pauses):
    expected = "0" * 64
    with pytest.raises(CheckpointError, match=f"has sha256 {SHA256}, expected {expected}"):
        download(f"{server.url}/good", tmp_path / "model.pt", expected)
    assert len(server.asked) == 1
    assert list(tmp_path.iterdir()) == []


def test_file_that_is_there_is_not_fetched_again(tmp_path, server, pauses):
    (tmp_path / "model.pt").write_bytes(BODY)
    download(f"{server.url}/good", tmp_path / "model.pt", SHA256)
    assert server.asked == []


def test_nobody_listens(tmp_path, server, pauses):
    url = f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    with pytest.raises(CheckpointError, match=r"refused.*\(tried 3 times\)"):
        download(f"{url}/good", tmp_path / "model.pt", SHA256, retries=2)


def test_full_disk_is_not_taken_for_the_network(tmp_path, server, pauses):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, limits[1]))  # as if the disk had 1 MiB
    try:
        with pytest.raises(UserError, match=r"cannot write .*model\.pt"):
            download(f"{server.url}/good", tmp_path / "model.pt", SHA256)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert pauses == []
    assert list(tmp_path.iterdir()) == []


def test_file_urls(tmp_path, pauses):
    (tmp_path / "there.pt").write_bytes(BODY)
    download((tmp_path / "there.pt").as_uri(), tmp_path / "model.pt", SHA256)
    assert (tmp_path / "model.pt").read_bytes() == BODY
    with pytest.raises(CheckpointError, match=r"cannot download .*tried 1 time"):
        download((tmp_path / "none.pt").as_uri(), tmp_path / "other.pt", SHA256)


@pytest.mark.parametrize("url", ["ftp://x/model.pt", "models/model.pt", "data:,x"])
def test_other_urls_are_refused(tmp_path, url):
    with pytest.raises(ConfigurationError, match="expected an http, https or file URL"):
        download(url, tmp_path / "model.pt", SHA256)


@pytest.mark.parametrize("sha256", ["", "abc", "g" * 64, SHA256 + "0"])
def test_what_is_no_sha256_is_refused(tmp_path, sha256):
    with pytest.raises(ConfigurationError, match="64 hexadecimal digits"):
        download("http://127.0.0.1:9/x", tmp_path / "model.pt", sha256)
