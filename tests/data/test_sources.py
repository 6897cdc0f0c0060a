"""The table of sources, and where their bytes come from."""

from pathlib import Path

import pytest

from stages.common.files import InputError, sha256
from stages.datasets import sources as table
from stages.datasets.fetch import fetch
from stages.datasets.mirror import make_mirror
from stages.datasets.readers import READERS, read
from stages.datasets.sources import Address, load_sources
from stages.prepare import main
from tests.small_mirror import CONTENT, FIXTURES, ROOT, pinned, small_mirror, source_of, write_table

SOURCES = load_sources(ROOT / "data/sources.yaml")


# The table


def test_table_names_existing_readers_and_asserts_no_unchecked_licence():
    for source in SOURCES.values():
        assert all(address.reader in READERS or source.use == "grading" for address in source.usable)
        assert "from memory" not in source.licence + source.redistribution
    with pytest.raises(InputError, match="absent.yaml is missing"):
        load_sources(Path("absent.yaml"))


def test_every_reader_is_used_and_has_rows_of_its_own():
    used = {address.reader for source in SOURCES.values() if source.use != "grading" for address in source.usable}
    assert used == set(READERS)
    assert used - {"dapo_hub"} <= {
        *FIXTURES, *(SOURCES[name].usable[0].reader for name in FIXTURES if name in SOURCES)
    }  # fmt: skip


def test_hub_addresses_are_pinned_or_unused():
    hub = [address for source in SOURCES.values() for address in source.addresses if address.hub]
    (used,) = [address for address in hub if address.sha256]
    assert (used.rows, used.copies, len(used.revision)) == (1791700, 100, 40)
    assert len(hub) > 10
    assert f"/resolve/{used.revision}/" in used.url


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("{", "sources.yaml is not YAML"),
        ("tiny\n", "sources.yaml: every entry must be a name with fields"),
        ("tiny: {use: training}", "tiny.licence is missing"),
        (
            "tiny: {use: playing, licence: a, redistribution: b, parts: [x]}",
            "tiny.use: input should be 'training', 'evaluation' or 'grading'",
        ),
        ("tiny: {use: training, licence: a, redistribution: b}", "tiny: give either parts, or addresses"),
        (
            "tiny: {use: training, golds: numbers, licence: a, redistribution: b, parts: [one]}",
            "tiny: one is no entry with addresses",
        ),
        (
            "tiny: {use: training, licence: a, redistribution: b, addresses: [{hub: a/b, revision: abcdef0, sha256: X}]}",
            "tiny.addresses.0.sha256: ",
        ),
        (
            "tiny: {use: evaluation, licence: a, redistribution: b, addresses: [{repo: a/b, commit: C, path: p, sha256: S}]}",
            "tiny: an address with a sha256 needs rows and reader",
        ),
        (
            "tiny: {use: grading, licence: a, redistribution: b, addresses: "
            "[{repo: a/b, commit: C, path: p, sha256: S, rows: 1, reader: amc}]}",
            "tiny: .*one of a source for grading has neither",
        ),
        (
            "tiny: {use: training, licence: a, redistribution: b, addresses: [{repo: a/b, commit: C}]}",
            "tiny.addresses.0: sha256 is missing",
        ),
    ],
)
def test_wrong_field_of_the_table_is_named(tmp_path, entry, message):
    (tmp_path / "sources.yaml").write_text(
        entry.replace("X", "abc").replace(": C", f": {'0a' * 20}").replace(": S", f": {'0a' * 32}")
    )
    with pytest.raises(InputError, match=message):
        load_sources(tmp_path / "sources.yaml")


# Bytes


def served(monkeypatch, folder, name="served"):
    monkeypatch.setattr(table, "ADDRESS", (folder / name).as_uri())
    return folder / name


def test_fetched_once_then_taken_from_the_cache(tmp_path, monkeypatch):
    source, file = source_of(pinned(CONTENT)), served(monkeypatch, tmp_path)
    file.write_bytes(CONTENT)
    assert fetch(source, cache=tmp_path / "cache").content == CONTENT
    file.unlink()
    assert fetch(source, cache=tmp_path / "cache").content == CONTENT
    (tmp_path / "cache" / sha256(tmp_path / "cache" / source.usable[0].sha256)).write_bytes(b"damaged")
    with pytest.raises(InputError, match="source tiny: wrong checksum.*delete it"):
        fetch(source, cache=tmp_path / "cache")


def test_no_network_or_another_file_at_the_address_keeps_nothing(tmp_path, monkeypatch):
    file = served(monkeypatch, tmp_path)
    with pytest.raises(InputError, match="source tiny: cannot fetch file:.*set MIRROR"):
        fetch(source_of(pinned(CONTENT)), cache=tmp_path / "cache")
    file.write_bytes(CONTENT + b"\n")
    with pytest.raises(InputError, match="source tiny: wrong checksum"):
        fetch(source_of(pinned(CONTENT)), cache=tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


def test_the_next_address_stands_in_only_for_one_that_cannot_be_reached(tmp_path, monkeypatch, capsys):
    """The hub's file is another one, with its own sha256 and reader."""
    other = b'{"problem": "1+1", "answer": 2.0}\n'
    file = served(monkeypatch, tmp_path)
    monkeypatch.setattr(table, "HUB_ADDRESS", (tmp_path / "hub").as_uri())
    hub = pinned(other, repo="", commit="", hub="a/b", revision="1" * 40, rows=1, reader="amc")
    (tmp_path / "hub").write_bytes(other)
    fetched = fetch(source_of(pinned(CONTENT), hub), cache=tmp_path / "cache")
    assert fetched == (hub, other)
    assert "cannot fetch" in capsys.readouterr().err
    assert read(source_of(pinned(CONTENT), hub), fetched).rows[0]["answer"] == "2"
    file.write_bytes(CONTENT + b"\n")
    with pytest.raises(InputError, match="wrong checksum"):
        fetch(source_of(pinned(CONTENT), hub), cache=tmp_path / "empty")


def test_an_address_without_a_checksum_is_never_used(tmp_path, monkeypatch):
    monkeypatch.setattr(table, "HUB_ADDRESS", (tmp_path / "hub").as_uri())
    served(monkeypatch, tmp_path)
    (tmp_path / "hub").write_bytes(CONTENT)
    hub = Address(hub="a/b", revision="1" * 40)
    with pytest.raises(InputError, match="cannot fetch"):
        fetch(source_of(pinned(CONTENT), hub), cache=tmp_path / "cache")


def test_one_command_makes_a_mirror_and_one_setting_uses_it(tmp_path, monkeypatch, capsys):
    sources = small_mirror(tmp_path / "first")
    write_table(tmp_path / "data/sources.yaml", sources)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MIRROR", "first")
    main(["--mirror", "second"])
    files = {address.sha256 for source in sources.values() for address in source.usable}
    assert {path.name for path in (tmp_path / "second").iterdir()} == files | {"index.csv"}
    assert f"second holds {len(files)} files; use it with MIRROR=second" in capsys.readouterr().out
    monkeypatch.setenv("MIRROR", "second")
    main(["--mirror", "third"])
    assert sha256(tmp_path / "third") == sha256(tmp_path / "second")
    assert not (tmp_path / "work").exists()
    with pytest.raises(InputError, match="usage: "):
        main(["--mirror"])


def test_a_mirror_with_a_damaged_file_is_refused(tmp_path):
    sources = small_mirror(tmp_path / "mirror")
    damaged = tmp_path / "mirror" / sources["amc_83"].usable[0].sha256
    damaged.write_bytes(damaged.read_bytes() + b" ")
    with pytest.raises(InputError, match="source amc_83: wrong checksum.*replace it in MIRROR"):
        make_mirror(tmp_path / "other", sources, tmp_path / "mirror")
