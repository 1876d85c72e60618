"""Output of the commands: steps with their time, and progress bars."""

import io
import re
import threading
import time

import pytest

from xnorloom_cli.console import Console, timed, write


@pytest.mark.parametrize("seconds, said", [
    (0, "  0:00  "), (59.9, "  0:59  "), (61, "  1:01  "), (6001.5, "100:01  ")])
def test_time(monkeypatch, seconds, said):
    now, lines = [1234.5], []
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    tell = timed(lines.append, before="a: ", after=" ...")
    now[0] += seconds
    tell("{routing}")
    timed(lines.append)("packing")
    assert lines == [f"{said}a: {{routing}} ...", "  0:00  packing"]


def test_one_at_a_time():
    inside, most = [], []

    def tell(text):
        inside.append(text)
        most.append(len(inside))
        time.sleep(0.01)
        inside.remove(text)

    steps = timed(tell)
    threads = [threading.Thread(target=steps, args=[str(number)]) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 8


def test_progress_in_a_log(capsys):
    """Without a terminal there is a bar only on demand."""
    console = Console(json=False)
    for always in (False, True):
        with console.progress("images", 4, " frames", always=always) as progress:
            progress(1, 4)
            progress(4, 4)
        output = capsys.readouterr()
        assert output.out == ""
        assert ("images: 100%" in output.err and "4/4" in output.err) == always


def test_progress_of_another_total(capsys):
    with Console(json=True).progress("weights", 4, " messages", always=True) as progress:
        progress(1, 9)
        progress(9, 9)
    assert "9/9" in capsys.readouterr().err


def test_progress_at_a_terminal(capsys, monkeypatch):
    monkeypatch.setattr("xnorloom_cli.console._is_terminal", lambda stream: True)
    with Console(json=False).progress("images", 2, " frames") as progress:
        progress(2, 2)
    assert "images: 100%" in capsys.readouterr().err


@pytest.mark.parametrize("json", [False, True])
def test_waiting_in_a_log(capsys, json):
    with Console(json=json).waiting("compiling\x1b[2J"):
        pass
    line = "compiling\\x1b[2J ...\n"
    assert capsys.readouterr() == (("", line) if json else (line, ""))


def test_waiting_at_a_terminal(capsys, monkeypatch):
    """The time goes on; an error ends it."""
    monkeypatch.setattr("xnorloom_cli.console._is_terminal", lambda stream: True)
    threads = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        with Console(json=False).waiting("compiling\x1b[2J"):
            time.sleep(2.5)
            raise KeyboardInterrupt
    output = capsys.readouterr()
    assert output.out == ""
    times = re.findall(r"compiling\\x1b\[2J \.\.\. (\d+:\d+)", output.err)
    assert times[0] == "00:00" and len(set(times)) > 1
    assert threading.active_count() <= threads + 1


def test_progress_without_standard_error(capsys, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("sys.stderr", None)
        with Console(json=False).progress("images", 2, " frames", always=True) as progress:
            progress(2, 2)
    assert capsys.readouterr() == ("", "")


def test_nothing_but_text_is_written():
    stream = io.StringIO()
    write(stream, "one\ttwo\nthree \x1b[2J\x9b\r\u2028\u202e")
    assert stream.getvalue() == "one\ttwo\nthree \\x1b[2J\\x9b\\r\\u2028\\u202e\n"


def test_nothing_but_text_names_a_bar(capsys):
    with Console(json=False).progress("a\x1b[2J", 2, " frames", always=True) as progress:
        progress(2, 2)
    assert "a\\x1b[2J: 100%" in capsys.readouterr().err


def test_steps_in_a_log(capsys):
    with Console(json=True).steps() as step:
        step("packing \x1b[2J")
    assert capsys.readouterr() == ("", "  0:00  packing \\x1b[2J ...\n")


def test_steps_show_life(capsys):
    """A long step is repeated, but none before the first or after the last."""
    with Console(json=False).steps(silence=0.5) as step:
        time.sleep(0.7)
        step("routing")
        time.sleep(1.2)
    time.sleep(0.6)
    first, *rest = capsys.readouterr().err.splitlines()
    assert first == "  0:00  routing ..."
    assert 1 <= len(rest) <= 3
    assert all(re.fullmatch(r"  0:\d\d  still routing \.\.\.", line) for line in rest)


def test_steps_end_with_an_error():
    threads = threading.active_count()
    with pytest.raises(ValueError, match="^over$"), Console(json=False).steps() as step:
        step("routing")
        raise ValueError("over")
    assert threading.active_count() == threads


@pytest.mark.parametrize("json", [False, True])
def test_activity_in_a_log(monkeypatch, capsys, json):
    """Nothing of short work, lines of long work."""
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    console = Console(json=json)
    for pace in (0.04, 0.6):
        with console.activity("sharing\x1b counts") as update:
            for done in range(1, 21):
                now[0] += pace
                update(done, 20 if done > 10 else 40)
    assert capsys.readouterr() == ("", "sharing\\x1b counts: 5 %\nsharing\\x1b counts: 95 %\n"
                                       "sharing\\x1b counts: done in 12 s\n")


def test_activity_at_a_terminal(monkeypatch, capsys):
    monkeypatch.setattr("xnorloom_cli.console._is_terminal", lambda stream: True)
    monkeypatch.setattr("xnorloom_cli.console._PATIENCE", 0)
    with Console(json=False).activity("sharing\x1b counts") as update:
        update(3, 4)
        update(5, 5)
    output = capsys.readouterr()
    assert "sharing\\x1b counts: 100%" in output.err and "5/5" in output.err
    monkeypatch.setattr("xnorloom_cli.console._PATIENCE", 60)
    with Console(json=False).activity("short") as update:
        update(1, 1)
    assert capsys.readouterr().err == ""


def test_notices_are_told_once(capsys):
    console = Console(json=True)
    for text in ("a", "b", "a"):
        console.notice(text)
    assert capsys.readouterr() == ("", "xnorloom: warning: a\nxnorloom: warning: b\n")
