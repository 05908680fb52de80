"""The log of a stage: lines in a file, what matters also on standard error."""

from pipeline.log import Log


def test_warnings_and_errors_also_go_to_standard_error(tmp_path, capsys):
    log = Log("ingest", tmp_path / "logs" / "ingest.log")
    log.event("made", rows=3)
    log.warning("odd", file="a.fits")
    log.close()
    first, second = (tmp_path / "logs" / "ingest.log").read_text().splitlines()
    assert first.endswith("INFO ingest: made [rows=3]") and second.endswith("WARNING ingest: odd [file=a.fits]")
    assert capsys.readouterr().err.splitlines() == [second]


def test_a_disk_that_takes_no_more_lines_does_not_hide_the_reason(capsys):
    log = Log("ingest")
    log._file = open("/dev/full", "a", encoding="utf-8", buffering=1)  # noqa: SIM115
    log.error("the disk is full")
    assert "ERROR ingest: the disk is full" in capsys.readouterr().err


def test_progress_yields_every_item_and_writes_lines_into_a_file(tmp_path, monkeypatch):
    monkeypatch.setattr("pipeline.log.PLAIN_INTERVAL_SECONDS", -1.0)
    log = Log("embed", tmp_path / "embed.log")
    assert list(log.progress(range(3), total=3, unit="shards")) == [0, 1, 2]
    log.close()
    lines = (tmp_path / "embed.log").read_text().splitlines()
    assert [line.split("progress: ")[1].split(" [")[0] for line in lines] == ["1/3 shards", "2/3 shards", "3/3 shards"]
