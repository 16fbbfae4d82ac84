"""Every cell gives the right answer: against the slow reference, in parts, at the edges, at both vector levels."""

import dataclasses
import inspect
import os
import subprocess
import sys

import pytest
from cells import above, below, edges, expected, functions, inputs

from gilscope.variants import native, variants_of


@pytest.mark.parametrize("seed", range(4))
def test_agrees_with_the_python_reference(cell, seed):
    kernel = cell.kernel
    assert kernel.agree(kernel.outcome(cell, inputs(kernel.name, "tiny", seed)), expected(kernel.name, seed))


def test_seeds_give_other_answers(kernel):
    answers = [expected(kernel.name, seed) for seed in range(4)]
    assert any(not kernel.agree(answer, answers[0]) for answer in answers[1:])


def test_agrees_with_numpy_on_more_data(native_cell):
    """Or, where there is no NumPy version, with the other native one: they are written apart."""
    kernel = native_cell.kernel
    other = "cython" if native_cell.implementation == "capi" else "capi"
    reference = kernel.numpy or functions(kernel)[other]
    arguments = inputs(kernel.name, "small", 1)
    assert kernel.agree(kernel.outcome(native_cell, arguments), kernel.outcome(reference, arguments))


@pytest.mark.parametrize("parts", [1, 2, 3, 7])
def test_parts_make_the_whole(cell, parts):
    kernel, arguments = cell.kernel, inputs(cell.kernel.name, "tiny")
    calls = kernel.split(arguments, parts)
    assert len(calls) == parts
    outcomes = [kernel.outcome(cell, call) for call in calls]
    if kernel.combine is None:  # the parts are a work of their own
        references = [kernel.outcome(kernel.python, call) for call in calls]
        assert all(kernel.agree(*pair) for pair in zip(outcomes, references, strict=True))
    else:
        assert kernel.agree(kernel.combine(outcomes), expected(kernel.name))


def test_empty_and_single_inputs(cell):
    kernel = cell.kernel
    for arguments in edges(kernel):
        assert kernel.agree(kernel.outcome(cell, arguments), kernel.outcome(kernel.python, arguments)), arguments


def test_more_parts_than_work(cell):
    kernel = cell.kernel
    for arguments in edges(kernel):
        outcomes = [kernel.outcome(cell, call) for call in kernel.split(arguments, 3)]
        if kernel.combine is not None:
            assert kernel.agree(kernel.combine(outcomes), kernel.outcome(kernel.python, arguments)), arguments


def test_auto_gives_the_same_below_and_above_its_threshold(kernel):
    bindings = [native(kernel, name) for name in ("capi", "cython")]
    assert bindings[0].THRESHOLD == bindings[1].THRESHOLD
    assert bindings[0].UNIT == bindings[1].UNIT
    if not kernel.releases:
        assert bindings[0].THRESHOLD is None
        assert kernel.work is None
        pytest.skip("cannot release, so it has no threshold")
    assert kernel.work(below(kernel)) < bindings[0].THRESHOLD <= kernel.work(above(kernel))
    cells = [variant for variant in variants_of(kernel.name) if variant.policy == "auto"]
    assert len(cells) == 2
    for arguments in (below(kernel), above(kernel)):
        reference = kernel.outcome(kernel.numpy or functions(kernel)["cython"], arguments)
        for variant in cells:
            assert kernel.agree(kernel.outcome(variant, arguments), reference), variant


def test_arguments_by_name(native_cell):
    kernel = native_cell.kernel
    names = [argument.name for argument in kernel.arguments]

    def call(*arguments):
        return native_cell(**dict(zip(names, arguments, strict=True)))

    assert kernel.agree(kernel.outcome(call, inputs(kernel.name, "tiny")), expected(kernel.name))


def test_defaults(native_cell):
    """An argument left out is the same as its default in the reference's signature."""
    kernel, arguments = native_cell.kernel, inputs(native_cell.kernel.name, "tiny")
    parameters = inspect.signature(kernel.python).parameters.values()
    defaults = [parameter.default for parameter in parameters if parameter.default is not parameter.empty]
    needed = len(arguments) - len(defaults)

    def short(*given):
        return native_cell(*given[:needed])

    reference = kernel.outcome(kernel.python, (*arguments[:needed], *defaults))
    assert kernel.agree(kernel.outcome(short, arguments), reference)


def test_signatures(kernel):
    """Every implementation names the same arguments with the same defaults."""
    wanted = [(p.name, p.default) for p in inspect.signature(kernel.python).parameters.values()]
    assert [name for name, _ in wanted] == [argument.name for argument in kernel.arguments]
    if kernel.numpy is not None:
        assert [(p.name, p.default) for p in inspect.signature(kernel.numpy).parameters.values()] == wanted
    for name, function in functions(kernel).items():
        parameters = list(inspect.signature(function).parameters.values())
        assert [(p.name, p.default) for p in parameters if p.kind is not p.KEYWORD_ONLY] == wanted
        only = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY]
        assert only == (["threads"] if name == "openmp" else ["policy"])


def test_work_goes_with_a_release(kernel):
    with pytest.raises(
        ValueError, match=f"kernel {kernel.name}: a kernel needs a `work` if it releases the GIL, and only then"
    ):
        dataclasses.replace(kernel, releases=not kernel.releases)


def test_vector_level(kernel):
    level = native(kernel, "capi").VECTOR
    assert level == "baseline" if os.environ.get("GILSCOPE_VECTOR") == "baseline" else level in ("baseline", "avx2")


@pytest.mark.slow
def test_baseline_level_is_right_too():
    """The level is chosen when a module is imported, so the other one needs a process of its own."""
    if os.environ.get("GILSCOPE_VECTOR") == "baseline":
        pytest.skip("this is that process")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "capi or vector", __file__]
    done = subprocess.run(
        command, env=os.environ | {"GILSCOPE_VECTOR": "baseline"}, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
