"""SIGTERM ends a command as Ctrl-C does: with its own exit code, and nothing half done."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from ase.build import bulk
from ase.io import write

from alignn_ff.interrupt import Terminated, sigterm_raises, stop_on_signals
from tests.support.command_line import CommandLine


@pytest.fixture(autouse=True)
def _usual_handlers() -> Iterator[None]:
    """A job in the background of a shell ignores SIGINT."""
    usual = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
    before = {number: signal.signal(number, handler) for number, handler in usual.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize(("sent", "code", "name"), [(signal.SIGTERM, 143, "SIGTERM"), (signal.SIGINT, 130, "Ctrl-C")])
def test_a_property_is_stopped_and_resumed(
    sent: signal.Signals,
    code: int,
    name: str,
    tmp_path: Path,
    command_line: CommandLine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write(tmp_path / "si.vasp", bulk("Si"))
    words = ("eos", tmp_path / "si.vasp", "--model", "si", "-o", tmp_path / "run")
    with monkeypatch.context() as patch:
        patch.setattr("alignn_ff.cli.console.StatusLines.show", lambda *_: os.kill(os.getpid(), sent))
        stopped = command_line(*words)
    assert stopped.code == code
    assert f"stopped by {name}; alignn-ff eos --restart" in stopped.stderr
    assert not [path.name for path in tmp_path.iterdir() if path.name.endswith(".lock")]
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    restarted = command_line("eos", "--restart", tmp_path / "run-restart.jsonl")
    assert restarted.code == 0
    assert (tmp_path / "run.json").is_file()


def test_within_a_run_of_steps_it_stays_a_request(monkeypatch: pytest.MonkeyPatch) -> None:
    with sigterm_raises() as ended:
        with stop_on_signals() as stop:
            os.kill(os.getpid(), signal.SIGTERM)
            assert stop.signal == signal.SIGTERM
        assert not ended()
        with pytest.raises(Terminated):
            os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGTERM)  # a launcher sends it twice
        monkeypatch.setattr("alignn_ff.interrupt.ECHO_S", -1.0)
        with pytest.raises(Terminated):  # also if the first exception was swallowed
            os.kill(os.getpid(), signal.SIGTERM)
    assert ended.exit_code == 143
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_a_handler_of_the_program_stays() -> None:
    own = []
    before = signal.signal(signal.SIGTERM, lambda *words: own.append(words))
    try:
        with sigterm_raises():
            os.kill(os.getpid(), signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert len(own) == 1


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_process_ends_by_it_at_once() -> None:
    with sigterm_raises() as ended:
        child = os.fork()
        if child == 0:
            os.kill(os.getpid(), signal.SIGTERM)
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGTERM
    assert not ended()
