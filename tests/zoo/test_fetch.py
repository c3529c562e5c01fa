"""Downloads are atomic, resumed, checked, and needed once; all with a local server."""

import hashlib
import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from alignn_ff.errors import CheckpointError, ConfigError, DownloadError, ModelNotFoundError
from alignn_ff.zoo import cards, fetch, model_file, places, published_models, read_source
from alignn_ff.zoo.download import download, sha256_of
from tests.support.command_line import CommandLine
from tests.support.file_server import FileServer, running_server

CONTENT = bytes(range(256)) * 4096


@pytest.fixture
def server() -> Iterator[FileServer]:
    with running_server() as running:
        running.content = CONTENT
        yield running


@pytest.fixture
def model_bytes(si_model_file: Path) -> bytes:
    return si_model_file.read_bytes()


def zipped(**members: bytes) -> bytes:
    """A zip whose member names have "/" for "__" and "." for the last "_"."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            path = name.replace("__", "/")
            archive.writestr(".".join(path.rsplit("_", 1)), content)
    return buffer.getvalue()


def hash_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


# one file


def test_a_download_is_the_file_and_reports_its_progress(server: FileServer, tmp_path: Path) -> None:
    told: list[tuple[int, int | None]] = []
    download(server.url, tmp_path / "a", sha256=hash_of(CONTENT), progress=lambda *now: told.append(now))
    assert (tmp_path / "a").read_bytes() == CONTENT
    assert told[-1] == (len(CONTENT), len(CONTENT))
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_truncated_download_is_not_there_and_is_resumed(server: FileServer, tmp_path: Path) -> None:
    server.stop_after = 300_000
    with pytest.raises(DownloadError, match=rf"ended after 300000 of {len(CONTENT)} bytes.*to resume"):
        download(server.url, tmp_path / "a")
    assert not (tmp_path / "a").exists()
    with pytest.raises(DownloadError, match=r"ended after 600000 of"):
        download(server.url, tmp_path / "a")
    server.stop_after = None
    download(server.url, tmp_path / "a", sha256=hash_of(CONTENT))
    assert (tmp_path / "a").read_bytes() == CONTENT
    assert server.ranges == ["", "bytes=300000-", "bytes=600000-"]
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize("why", ["the file changed", "no ranges", "no version"])
def test_a_download_that_cannot_be_resumed_starts_again(why: str, server: FileServer, tmp_path: Path) -> None:
    server.etag = "" if why == "no version" else server.etag
    server.content, server.stop_after = CONTENT[::-1], 1000
    with pytest.raises(DownloadError):
        download(server.url, tmp_path / "a")
    server.content, server.stop_after = CONTENT, None
    server.etag = '"two"' if why == "the file changed" else server.etag
    server.heeds_range = why != "no ranges"
    download(server.url, tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == CONTENT


def test_what_arrived_but_is_longer_than_the_file_is_thrown_away(server: FileServer, tmp_path: Path) -> None:
    (tmp_path / "a.part").write_bytes(CONTENT + b"more")
    (tmp_path / "a.part-of").write_text(server.etag)
    download(server.url, tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == CONTENT
    assert server.ranges == [f"bytes={len(CONTENT) + 4}-", ""]


def test_a_part_that_was_not_requested_is_refused(server: FileServer, tmp_path: Path) -> None:
    server.stop_after = 1000
    with pytest.raises(DownloadError):
        download(server.url, tmp_path / "a")
    server.stop_after, server.wrong_range = None, True
    with pytest.raises(DownloadError, match="a different part"):
        download(server.url, tmp_path / "a")
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_checksum_throws_the_file_away_and_names_both(server: FileServer, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match=rf"{hash_of(CONTENT)}.*{'0' * 64} is expected"):
        download(server.url, tmp_path / "a", sha256="0" * 64)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("status", [403, 404, 500])
def test_an_answer_that_is_no_file_is_an_error(status: int, server: FileServer, tmp_path: Path) -> None:
    server.status = status
    with pytest.raises(DownloadError, match=f"answers {status}"):
        download(server.url, tmp_path / "a")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://host/model.zip", "model.zip"])
def test_only_web_addresses_are_downloaded(url: str, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="begins with https"):
        download(url, tmp_path / "a")


def test_a_server_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with running_server() as gone:
        pass
    with pytest.raises(DownloadError, match="failed"):
        download(gone.url, tmp_path / "a", timeout_s=5)


# models


def test_a_model_is_downloaded_once_and_found_by_name_offline(server: FileServer, model_bytes: bytes) -> None:
    server.content = model_bytes
    folder = fetch(server.url, name="tiny", sha256=hash_of(model_bytes))
    assert folder == places.download_cache() / "tiny"
    server.status = 500
    assert fetch(server.url, name="tiny") == folder
    assert model_file("tiny").read_bytes() == model_bytes
    assert len(server.ranges) == 1
    assert read_source(folder).sha256 == hash_of(model_bytes)
    assert sorted(path.name for path in places.download_cache().iterdir()) == ["tiny"]


@pytest.mark.parametrize("weights", ["best_model_pt", "deep__folder__best_model_pt", "run__checkpoint_300_pt"])
def test_a_published_zip_becomes_a_published_folder(weights: str, server: FileServer, model_bytes: bytes) -> None:
    server.content = zipped(readme_txt=b"hello", deep__config_json=b"{}", **{weights: model_bytes})
    folder = fetch(server.url)
    assert folder.name == "model"
    assert sorted(path.name for path in folder.iterdir()) == ["best_model.pt", "config.json", "source.json"]
    assert model_file("model").read_bytes() == model_bytes


def test_no_member_of_a_zip_decides_where_it_is_written(server: FileServer, model_bytes: bytes, tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("../../config.json", b"{}")
        archive.writestr("/tmp/best_model.pt", model_bytes)
    server.content = buffer.getvalue()
    folder = fetch(server.url, cache=tmp_path / "deep" / "cache")
    assert sorted(p.name for p in folder.iterdir()) == ["best_model.pt", "config.json", "source.json"]
    assert [p.name for p in tmp_path.iterdir()] == ["deep"]


@pytest.mark.parametrize(
    "content", [b"<html>no</html>", b"", zipped(config_json=b"{}"), zipped(config_json=b"{}", best_model_pt=b"junk")]
)
def test_a_download_that_is_not_a_model_is_removed(content: bytes, server: FileServer) -> None:
    server.content = content
    with pytest.raises((DownloadError, CheckpointError)):
        fetch(server.url)
    assert list(places.download_cache().iterdir()) == []


def test_a_broken_download_of_a_model_is_resumed(server: FileServer, model_bytes: bytes) -> None:
    server.content, server.stop_after = model_bytes, 5000
    with pytest.raises(DownloadError, match="to resume"):
        fetch(server.url)
    with pytest.raises(ModelNotFoundError):
        model_file("model")
    server.stop_after = None
    assert sha256_of(fetch(server.url) / "model.pt") == hash_of(model_bytes)
    assert server.ranges == ["", "bytes=5000-"]


def test_a_changed_file_in_the_cache_is_refused(server: FileServer, model_bytes: bytes) -> None:
    server.content = model_bytes
    file = fetch(server.url, name="tiny") / "model.pt"
    file.write_bytes(model_bytes + b"x")
    with pytest.raises(CheckpointError, match="not the file that was downloaded"):
        model_file("tiny")
    with pytest.raises(CheckpointError, match="not the file that was downloaded"):
        fetch(server.url, name="tiny")


def test_a_name_stands_for_one_address_and_one_checksum(server: FileServer, model_bytes: bytes) -> None:
    server.content = model_bytes
    fetch(server.url, name="tiny")
    with pytest.raises(DownloadError, match="another name with --name"):
        fetch(server.url + "?other", name="tiny")
    with pytest.raises(DownloadError, match="is expected"):
        fetch(server.url, name="tiny", sha256="0" * 64)


@pytest.mark.parametrize("name", ["../tiny", "a/b", "", ".hidden", "auto", "-m"])
def test_a_name_is_no_path(name: str, server: FileServer) -> None:
    with pytest.raises(ConfigError, match="cannot be the name") if name else pytest.raises(DownloadError):
        fetch(server.url, name=name)


# the published list


def test_published_models_have_names_and_addresses() -> None:
    models = published_models()
    assert len(models) > 200
    assert all(model.url.startswith("https://ndownloader.figshare.com/") for model in models.values())
    assert not models.keys() & {card.name for card in cards()}


def test_the_error_of_a_published_name_shows_how_to_fetch_it() -> None:
    name = next(iter(published_models()))
    with pytest.raises(ModelNotFoundError, match=f"zoo fetch {name}"):
        model_file(name)
    with pytest.raises(ModelNotFoundError, match="zoo list --published"):
        fetch("no-such-model")


def test_a_published_name_is_fetched_from_its_address(
    server: FileServer, model_bytes: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, model = next(iter(published_models().items()))
    monkeypatch.setitem(published_models(), name, model.model_copy(update={"url": server.url}))
    server.content = zipped(config_json=b"{}", best_model_pt=model_bytes)
    assert fetch(name).name == name
    assert model_file(name).parent == places.download_cache() / name


# the command


def test_fetch_command_prints_the_folder_and_the_usage(
    server: FileServer, model_bytes: bytes, command_line: CommandLine
) -> None:
    server.content = model_bytes
    result = command_line("zoo", "fetch", server.url, "--name", "tiny")
    assert result.code == 0
    assert "--model tiny" in result.stdout
    assert hash_of(model_bytes) in result.stdout
    assert "this file is not verified" in result.stderr
    again = command_line("zoo", "fetch", server.url, "--name", "tiny", "--json", "--sha256", hash_of(model_bytes))
    assert json.loads(again.stdout)["sha256"] == hash_of(model_bytes)


def test_a_failed_fetch_exits_with_2(server: FileServer, command_line: CommandLine) -> None:
    server.status = 404
    result = command_line("zoo", "fetch", server.url)
    assert result.code == 2
    assert "answers 404" in result.stderr


def test_the_published_list_is_marked_unverified(command_line: CommandLine) -> None:
    result = command_line("zoo", "list", "--published")
    assert "not verified" in result.stderr
    assert len(json.loads(command_line("zoo", "list", "--published", "--json").stdout)) == len(published_models())


def test_what_ships_is_neither_fetched_nor_removed(command_line: CommandLine) -> None:
    for words, sentence in {
        ("fetch", "si"): "there is nothing to fetch",
        ("remove", "si"): "cannot be removed",
    }.items():
        refused = command_line("zoo", *words)
        assert refused.code == 2
        assert sentence in refused.stderr


def test_a_file_is_no_zoo(command_line: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "si.vasp").touch()
    refused = command_line("zoo", "list", "--zoo", tmp_path / "si.vasp")
    assert refused.code == 2
    assert "is a file" in refused.stderr
