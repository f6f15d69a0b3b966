"""Which line of the user's code a message, a traceback or a warning names."""

from pathlib import Path

import pytest
from opset_atlas.base import source_lines

NET = "class Net:\n    def forward(self, x):\n        return self.up(x)\n"
LINE = "models/net.py:3, forward: `return self.up(x)`"
TORCH = "/anywhere/.venv/lib/python3.11/site-packages/torch/nn/functional.py"

# As torch names itself for the nodes that its own passes insert.
RELATIVE = 'File "torch/fx/passes/runtime_assert.py", line 24, in insert_deferred_runtime_asserts'


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "models").mkdir()
    (tmp_path / "models/net.py").write_text(NET)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_innermost_line_of_a_traceback_that_is_the_users(project: Path) -> None:
    text = (
        f'  File "{project}/run.py", line 9, in <module>\n    net(x)\n'
        f'  File "{project}/models/net.py", line 3, in forward\n    return self.up(x)\n'
        f'  File "{TORCH}", line 5248, in interpolate\n    return up(x)\n'
    )
    assert source_lines.in_text(text) == LINE
    assert source_lines.in_text(text.replace(str(project), "<project>")) == LINE
    assert source_lines.in_text(text.replace(f"{project}/", "")) == LINE
    assert source_lines.in_text(text.replace("    return self.up(x)\n", "")) == LINE
    assert str(project) not in source_lines.in_text(text.replace("net.py", "gone.py"))


def test_the_tracer_names_the_innermost_line_first(project: Path) -> None:
    text = (
        f"{TORCH}(5248): interpolate\n{project}/models/net.py(3): forward\n"
        f"{TORCH}(1778): _wrapped_call_impl\n{project}/run.py(9): <module>\n"
    )
    assert source_lines.in_text(text) == LINE
    printed = "%input : Float(1, 3) = onnx::Add(%0, %2), scope: net.Net:: # models/net.py:3:0"
    assert source_lines.in_text(printed) == "models/net.py:3: `return self.up(x)`"


@pytest.mark.parametrize(
    "text", ["", "no file", f"{TORCH}(5248): interpolate", "<string>(1): f", RELATIVE]
)
def test_where_no_line_is_the_users_none_is_named(text: str) -> None:
    assert source_lines.in_text(text) == ""


def test_a_line_of_a_library_is_named_where_the_project_has_none() -> None:
    library = TORCH.replace("torch/nn/functional.py", "torchvision/models/resnet.py")
    text = f'File "{library}", line 146, in forward\n    out = self.bn1(out)\n'
    found = source_lines.in_text(text)
    assert found == "torchvision/models/resnet.py:146, forward: `out = self.bn1(out)`"


def test_frames_of_this_package_are_not_the_users() -> None:
    own = str(Path(source_lines.__file__).parents[1] / "models/module.py")
    assert source_lines.at(own, 3) == ""
    assert source_lines.in_text(f'File "{own}", line 3, in build\n    x\n') == ""


def test_a_file_elsewhere_is_named_without_its_folder(project: Path) -> None:
    assert source_lines.at("/nobody/knows/where/net.py", 7) == "net.py:7"
    assert source_lines.at(f"{project}/models/net.py", 3) == "models/net.py:3: `return self.up(x)`"


def test_the_line_that_an_exception_came_by() -> None:
    code = compile("def f():\n    raise KeyError('x')\n", "models/other.py", "exec")
    names: dict[str, object] = {}
    exec(code, names)
    with pytest.raises(RuntimeError) as caught:
        try:
            names["f"]()  # type: ignore[operator]
        except KeyError as error:
            raise RuntimeError from error
    assert source_lines.in_traceback(caught.value) == "models/other.py:2, f"


def test_several_lines_are_listed_once_each() -> None:
    assert source_lines.listed(["a", "", "b", "a"]) == "a; b"
    assert source_lines.listed("abcdea") == "a; b; c; and 2 more"
