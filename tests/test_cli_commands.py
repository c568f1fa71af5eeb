"""The commands: what they print for right input, and that the shared options reach the estimate."""

from __future__ import annotations

import csv
import io
import json
import shlex
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result

import npusim
from npusim.cli import COMMANDS, main, outputs
from npusim.cli.options import find_variant
from npusim.resources import path
from npusim.result import Estimate, read_result
from npusim.zoo import names

MODEL = "sesr-m5-x2-hw"
SIZED = ("estimate", MODEL, "--size", "64x32")


def run(*args: str, **env: str) -> Result:
    return CliRunner(env=env).invoke(main, list(args))


def right(*args: str, **env: str) -> str:
    done = run(*args, **env)
    assert done.exit_code == 0, done.stderr
    return done.stdout


def estimated(*args: str) -> Estimate:
    return read_result(right(*args, "--format", "json"))


def test_help_and_version() -> None:
    for args in ((), ("--help",), ("-h",)):
        text = right(*args)
        for name in COMMANDS:
            assert f"\n  {name} " in text
    assert right("--version") == f"npusim {npusim.__version__}\n"
    for args in (("zoo",), ("profiles",), ("estimate", "--help")):
        assert right(*args).startswith(f"Usage: npusim {args[0]}")


def test_json_is_what_the_library_gives() -> None:
    found = estimated(*SIZED)
    assert found.command == f"npusim estimate {MODEL} --size 64x32 --format json"
    made = npusim.estimate(npusim.load(MODEL, size=(64, 32)))
    assert msgspec.structs.replace(found, command="") == made


def test_the_command_line_is_kept_as_a_shell_takes_it() -> None:
    found = estimated(*SIZED, "--set", "clock=800 MHz")
    assert shlex.split(found.command) == ["npusim", *SIZED, "--set", "clock=800 MHz", "--format", "json"]


def test_shared_options_reach_the_estimate() -> None:
    found = estimated(
        *SIZED, "--profile", "ethos-n78", "--variant", "ETHOS_N78_8TOPS_2PLE_RATIO", "--level", "roofline",
        "--dtype", "INT16", "--equal-scales", "--activation-compression", "25%", "--planner", "best", "--as-vendor",
        "--set", "clock=800MHz", "--batch", "1",
    )  # fmt: skip
    assert (found.profile.variant, found.profile.clock_hz) == ("8tops-2ple", 800e6)
    assert found.profile.overrides == {"clock_hz": "800MHz"}
    options = found.options
    assert (options.level, options.dtype, options.planner, options.as_vendor) == ("roofline", "int16", "best", True)
    assert (options.equal_scales, options.activation_compression) == (True, 0.25)
    assert estimated(*SIZED, "--no-equal-scales").options.equal_scales is False
    assert estimated(*SIZED).options.equal_scales is None


def test_sizes_can_be_given_in_several_ways() -> None:
    """64 wide, 32 high: N x C x height x width is 1x1x32x64."""
    ways = (
        ("--size", "64x32"), ("--size", "64X32"), ("--shape", "input=1x1x32x64"), ("--shape", "input=1,1,32,64"),
        ("--dim", "H=32", "--dim", "W=64"), ("--dim", "input:2=32", "--dim", "input:3=64"),
    )  # fmt: skip
    for way in ways:
        assert estimated("estimate", MODEL, *way).model.inputs == {"input": (1, 1, 32, 64)}, way


@pytest.mark.parametrize(
    ("spelling", "name"),
    [
        ("8tops-2ple", "8tops-2ple"),
        ("8TOPS_2PLE", "8tops-2ple"),
        ("ethos-n78-8tops-2ple", "8tops-2ple"),
        ("Ethos-N78_4TOPS_4PLE_RATIO", "4tops-4ple"),
        ("nothing", "nothing"),
    ],
)
def test_variants_are_found_however_they_are_spelt(spelling: str, name: str) -> None:
    assert find_variant("ethos-n78", spelling) == name
    assert find_variant(str(path("hwprofiles", "ethos-n78.toml")), spelling) == name


def test_a_file_and_its_zoo_name_cost_the_same(tmp_path: Path) -> None:
    file = tmp_path / "net.onnx"
    assert right("zoo", "export", MODEL, "-o", str(file)) == ""
    by_name, by_file = estimated(*SIZED), estimated("estimate", str(file), "--size", "64x32")
    assert (by_file.macs, by_file.params, by_file.latency_s) == (by_name.macs, by_name.params, by_name.latency_s)


def test_an_exported_size_is_fixed(tmp_path: Path) -> None:
    file = tmp_path / "net.onnx"
    right("zoo", "export", "fsrcnn-x2", "-o", str(file), "--size", "48x16")
    assert estimated("estimate", str(file)).model.inputs == {"input": (1, 1, 16, 48)}


def test_all_networks_are_exported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("npusim.zoo.names", lambda: names()[:3])
    done = run("zoo", "export", "--all", "-o", str(tmp_path / "new" / "folder"))
    assert done.exit_code == 0
    assert sorted(each.stem for each in (tmp_path / "new" / "folder").iterdir()) == sorted(names()[:3])
    assert done.stderr.startswith("3 networks written to ")
    assert run("zoo", "export", "--all", "-o", str(tmp_path), "--quiet").stderr == ""


def test_a_result_becomes_any_report_later(tmp_path: Path) -> None:
    file = tmp_path / "result.json"
    assert right(*SIZED, "--format", "json", "-o", str(file)) == ""
    for form in ("text", "csv", "md"):
        assert right("report", str(file), "--format", form) == right(*SIZED, "--format", form)
    assert right("report", str(file), "--format", "json") == file.read_text()
    right("report", str(file), "--format", "md", "--top", "2", "--assumptions", "-o", str(tmp_path / "page.md"))
    page = (tmp_path / "page.md").read_text()
    assert "The 2 slowest of " in page
    assert "What the profile takes for granted" in page


def test_options_of_the_text_report() -> None:
    text = right(*SIZED, "--top", "1", "--assumptions", COLUMNS="80")
    assert "The 1 slowest of " in text
    assert "What the profile takes for granted" in text
    assert max(map(len, text.splitlines())) <= 80
    assert max(map(len, right(*SIZED, COLUMNS="160").splitlines())) > 100
    assert right(*SIZED, COLUMNS="wide") == right(*SIZED, COLUMNS="100") == right(*SIZED, COLUMNS="0")


def test_warnings_are_told_where_the_result_does_not_show_them(tmp_path: Path) -> None:
    """The vendor does not plan 2tops-2ple: a warning, in the text itself, and on stderr for csv and for files."""
    warned = (*SIZED, "--variant", "2tops-2ple")
    assert "[planner]" in run(*warned).stdout
    assert run(*warned).stderr == ""
    done = run(*warned, "--format", "csv")
    assert "[planner]" in done.stderr
    assert done.stderr.startswith("note: ")
    assert "planner" not in done.stdout
    assert "[planner]" in run(*warned, "-o", str(tmp_path / "out")).stderr
    assert run(*warned, "--format", "csv", "--quiet").stderr == ""


def test_sums_over_layers_are_the_totals() -> None:
    """P20, on a real network through the command line."""
    rows = list(csv.DictReader(io.StringIO(right("estimate", "fsrcnn-x2", "--size", "64x32", "--format", "csv"))))
    totals = estimated("estimate", "fsrcnn-x2", "--size", "64x32").totals
    for column, total in (("macs", totals.macs), ("params", totals.params), ("dram_bytes", totals.dram_bytes)):
        assert sum(int(row[column]) for row in rows) == total
    assert sum(float(row["share_of_cycles"]) for row in rows) == pytest.approx(1)


def test_what_the_npu_cannot_run_is_in_the_list_and_in_the_total() -> None:
    """P13: nine-wide kernels run off the Ethos-N78, with a cost."""
    result = estimated("estimate", "srcnn-915-x2", "--size", "64x32", "--set", "mac_array.kernel_sides=1,3,5")
    assert result.off_npu
    text = right("estimate", "srcnn-915-x2", "--size", "64x32", "--set", "mac_array.kernel_sides=1,3,5")
    assert "Off the NPU, in the totals" in text


def test_the_zoo_is_listed_beside_what_was_published(monkeypatch: pytest.MonkeyPatch) -> None:
    few = ("sesr-m5-x2", "fsrcnn-x2", "tpsr-nogan-x2")
    monkeypatch.setattr("npusim.zoo.names", lambda: few)
    text = right("zoo", "list", COLUMNS="80")
    assert max(map(len, text.splitlines())) <= 80
    row = next(line for line in text.splitlines() if line.startswith("sesr-m5-x2"))
    assert row.split() == ["sesr-m5-x2", "13.60", "13.52", "3.12", "3.11", "1"]
    fsrcnn = next(line for line in text.splitlines() if line.startswith("fsrcnn-x2")).split()
    assert fsrcnn[1] == "12.81"
    assert "6.01" in fsrcnn, "dense MACs, where they differ"
    assert "tpsr-x2 = tpsr-nogan-x2" in text
    assert "Why the published figures differ\n1  The paper counts the convolutions' weights alone, 13,520" in text
    rows = list(csv.DictReader(io.StringIO(right("zoo", "list", "--format", "csv"))))
    assert [row["name"] for row in rows] == list(few)
    assert (rows[0]["params"], rows[0]["published_params_k"]) == ("13600", "13.52")
    assert json.loads(right("zoo", "list", "--format", "json"))[1]["macs_dense"] > 6e9
    assert right("zoo", "list", "--format", "md").startswith("# The networks of the zoo\n")


def test_a_zoo_without_differences_has_no_notes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("npusim.zoo.names", lambda: ("sesr-m5-x3",))
    text = right("zoo", "list")
    assert "Why the published figures differ" not in text
    assert "Other names" not in text
    assert "dense" not in text.split("\n")[1]
    monkeypatch.setattr("npusim.zoo.names", lambda: ())
    assert right("zoo", "list", "--format", "csv") == ""


def test_profiles_are_listed() -> None:
    text = right("profiles", "list", COLUMNS="80")
    assert max(map(len, text.splitlines())) <= 80
    row = next(line for line in text.splitlines() if line.startswith("4tops-4ple *"))
    assert row.split()[2:] == ["1", "GHz", "2,048", "4.1", "1", "MiB", "16", "GB/s", "16", "GB/s", "vendor"]
    rows = json.loads(right("profiles", "list", "--format", "json"))
    assert {row["profile"] for row in rows} >= {"ethos-n78", "nvdla"}
    assert all(row["sram_bytes"] > 0 for row in rows)


def test_a_profile_is_shown_with_units_and_sources() -> None:
    text = right("profiles", "show", "ethos-n78", "--variant", "8TOPS_2PLE", "--set", "clock=800MHz", COLUMNS="80")
    assert max(map(len, text.splitlines())) <= 80
    line = next(each for each in text.splitlines() if each.startswith("mac_array.macs_per_cycle"))
    assert line.split()[1:3] == ["4096", "MAC/cycle"]
    clock = next(each for each in text.splitlines() if each.startswith("clock_hz")).split()
    assert clock[1:3] == ["800000000", "Hz"]
    number = int(clock[-1])
    assert f"\n{number:<2}  set by the user" in text
    assert "What the model takes for granted" in text
    rows = json.loads(right("profiles", "show", "ethos-n78", "--format", "json"))
    assert all(row["source"] for row in rows)
    assert all(row["unit"] for row in rows if isinstance(row["value"], float))
    assert "mac_array.kernel_sides" in right("profiles", "show", "ethos-n78", "--format", "csv")


def test_a_sound_profile_passes() -> None:
    file = str(path("hwprofiles", "ethos-n78.toml"))
    assert right("profiles", "check", file) == f"{file}: sound in every variant\n"
    assert right("profiles", "check", file, "--quiet") == ""


def test_a_fault_of_npusim_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("two\nlines")

    monkeypatch.setattr("npusim.cli.estimate.render", broken)
    done = run(*SIZED)
    assert done.exit_code == 1
    assert done.stderr.count("\n") == 1
    assert "RuntimeError: two lines" in done.stderr
    assert done.stderr.endswith("[internal]\n")
    shown = run(*SIZED, NPUSIM_DEBUG="1")
    assert isinstance(shown.exception, RuntimeError)


def test_too_little_memory_is_no_fault_of_npusim(monkeypatch: pytest.MonkeyPatch) -> None:
    def hungry(*_: object) -> None:
        raise MemoryError("Unable to allocate 3.64 TiB")

    monkeypatch.setattr("npusim.cli.estimate.render", hungry)
    done = run(*SIZED)
    assert done.exit_code == 1
    assert done.stderr == (
        "this needs more memory than there is (Unable to allocate 3.64 TiB); "
        "take a smaller frame, picture or network [too-large]\n"
    )


def test_ctrl_c_is_quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("npusim.cli.estimate.render", interrupted)
    done = run(*SIZED)
    assert (done.exit_code, done.stdout, done.stderr) == (130, "", "")


@pytest.mark.parametrize(
    ("fault", "code", "said"),
    [
        (BrokenPipeError(32, "Broken pipe"), 0, ""),
        (
            OSError(28, "No space left on device"),
            2,
            "standard output cannot be written (No space left on device) [unwritable]\n",
        ),
    ],
)
def test_a_stream_that_takes_no_more(fault: OSError, code: int, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What tests/test_cli_process.py does with real pipes and a real full device."""
    dropped: list[bool] = []

    def failing(*_: object) -> None:
        raise fault

    monkeypatch.setattr("npusim.cli.estimate.render", failing)
    monkeypatch.setattr("npusim.cli.group._drop_stdout", lambda: dropped.append(True))
    done = run(*SIZED)
    assert (done.exit_code, done.stdout, done.stderr) == (code, "", said)
    assert dropped == [True]


class _Terminal(io.StringIO):
    """A terminal that keeps what is written to it."""

    def isatty(self) -> bool:
        return True

    def fileno(self) -> int:
        return 0


def test_long_work_says_what_it_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """Work of any length counts as long here, and the timer runs when it is started."""

    class AtOnce:
        daemon = False

        def __init__(self, _: float, function: object) -> None:
            self.function = function

        def start(self) -> None:
            self.function()  # type: ignore[operator]

        def cancel(self) -> None:
            pass

    monkeypatch.setattr(outputs, "Timer", AtOnce)
    terminal = _Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    with outputs.progress("counting\x1b", quiet=False):
        assert terminal.getvalue() == "counting\\x1b ..."
    assert terminal.getvalue().endswith("\r\x1b[K")
    with outputs.progress("quiet", quiet=True):
        assert "quiet" not in terminal.getvalue()


def test_short_work_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = _Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setattr(outputs, "PATIENCE_S", 3600.0)
    with outputs.progress("counting", quiet=False):
        pass
    assert terminal.getvalue() == ""


def test_colour_and_width_follow_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("sys.stdout", _Terminal())
    monkeypatch.setattr("os.get_terminal_size", lambda _: type("Size", (), {"columns": 77}))
    assert outputs.colour(None)
    assert outputs.width(None) == 77
    assert not outputs.colour("file")
    assert outputs.width("file") == outputs.PIPE_WIDTH
    monkeypatch.setenv("NO_COLOR", "1")
    assert not outputs.colour(None)
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "dumb")
    assert not outputs.colour(None)
    monkeypatch.setenv("COLUMNS", "50")
    assert outputs.width(None) == 50
